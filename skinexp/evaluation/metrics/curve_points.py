"""The points of ROC and precision-recall curves."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from skinexp.evaluation.cases import validated_labels_scores, why_undefined


class RocPoints(NamedTuple):
    """Corners of a ROC curve, from (0, 0) to (1, 1); empty if the curve is undefined."""

    false_positive_rate: NDArray[np.float64]
    sensitivity: NDArray[np.float64]


class PrecisionRecallPoints(NamedTuple):
    """Precision over rising recall; empty if the curve is undefined."""

    recall: NDArray[np.float64]
    precision: NDArray[np.float64]


def roc_points(labels: ArrayLike, scores: ArrayLike) -> RocPoints:
    """Returns the ROC curve: straight lines between these points have `roc_auc` under them.

    Args:
        labels: (n,) array of 0/1.
        scores: (n,) array, higher means more likely malignant.

    Returns:
        Two arrays of one length; both empty if a class is absent or a score is not finite.

    Raises:
        ValueError: if a label is not 0 or 1, or the lengths differ.
    """
    label_array, score_array = validated_labels_scores(labels, scores)
    if why_undefined(label_array, score_array) is not None:
        return RocPoints(np.empty(0), np.empty(0))
    false_positive_rate, sensitivity, _ = roc_curve(label_array, score_array)
    return RocPoints(false_positive_rate, sensitivity)


def precision_recall_points(labels: ArrayLike, scores: ArrayLike) -> PrecisionRecallPoints:
    """Returns the precision-recall curve, to be drawn in steps.

    Holding each precision back to the recall before it puts `average_precision` under the curve; straight lines would
    promise precision that no threshold gives.

    scikit-learn ends its curve in recall 0, precision 1, where nothing is predicted malignant and precision is 0/0.
    Here the curve starts with the precision of the highest score.

    Args:
        labels: (n,) array of 0/1.
        scores: (n,) array, higher means more likely malignant.

    Returns:
        Two arrays of one length, recall from 0 to 1; both empty if a class is absent or a score is not finite.

    Raises:
        ValueError: if a label is not 0 or 1, or the lengths differ.
    """
    label_array, score_array = validated_labels_scores(labels, scores)
    if why_undefined(label_array, score_array) is not None:
        return PrecisionRecallPoints(np.empty(0), np.empty(0))
    precision, recall, _ = precision_recall_curve(label_array, score_array)
    precision[-1] = precision[-2]
    return PrecisionRecallPoints(recall[::-1], precision[::-1])
