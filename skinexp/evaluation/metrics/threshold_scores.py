"""Scores of probabilities at one threshold.

A score that is 0/0 is NaN. It is never 1.0, which would praise a model for what it did not do, nor 0.0, which would
blame it for cases that were not there.
"""

import math

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import confusion_matrix

from skinexp.evaluation.cases import CLASSES, validated_labels_probabilities
from skinexp.evaluation.metrics.count_scores import COUNT_SCORES, count_scores


def confusion_counts(labels: ArrayLike, probabilities: ArrayLike, threshold: float) -> NDArray[np.int64] | None:
    """Counts the images of each class that are predicted benign and malignant.

    Args:
        labels: (n,) array of 0/1.
        probabilities: (n,) array in 0..1.
        threshold: an image is predicted malignant if its probability is at least this.

    Returns:
        (2, 2) counts, rows: true class, columns: predicted class; benign first. None if the threshold or a
        probability is NaN: a comparison with NaN is false, so it would pass for the prediction "benign".

    Raises:
        ValueError: if a label is not 0 or 1, a probability lies outside 0..1, or the lengths differ.
    """
    label_array, probability_array = validated_labels_probabilities(labels, probabilities)
    if math.isnan(threshold) or np.isnan(probability_array).any():
        return None
    if label_array.size == 0:
        return np.zeros((2, 2), dtype=np.int64)  # scikit-learn refuses to count nothing
    return confusion_matrix(label_array, probability_array >= threshold, labels=[0, 1]).astype(np.int64)


def threshold_scores(labels: ArrayLike, probabilities: ArrayLike, threshold: float) -> dict[str, float]:
    """Returns the scores of predicting an image malignant if its probability is at least `threshold`.

    Args:
        labels: (n,) array of 0/1.
        probabilities: (n,) array in 0..1.
        threshold: a number; NaN if none could be chosen.

    Returns:
        Those of `count_scores`, of class malignant; NaN if undefined, all of them where the threshold or a probability
        is NaN.

    Raises:
        ValueError: if a label is not 0 or 1, a probability lies outside 0..1, or the lengths differ.
    """
    counts = confusion_counts(labels, probabilities, threshold)
    if counts is None:
        return dict.fromkeys(COUNT_SCORES, math.nan)
    (true_negatives, false_positives), (false_negatives, true_positives) = counts
    scores = count_scores(true_positives, false_positives, false_negatives, true_negatives)
    return {name: float(score) for name, score in scores.items()}


def classification_report(labels: ArrayLike, probabilities: ArrayLike, threshold: float) -> pd.DataFrame:
    """Returns precision, recall and F1 of each class, and their means: what scikit-learn's report shows, with NaN kept.

    Args:
        labels: (n,) array of 0/1.
        probabilities: (n,) array in 0..1.
        threshold: an image is predicted malignant if its probability is at least this.

    Returns:
        Rows `benign`, `malignant`, `macro avg` (both classes count alike), `weighted avg` (each image counts alike);
        columns `precision`, `recall`, `f1`, `support` (number of images).

    Raises:
        ValueError: if a label is not 0 or 1, a probability lies outside 0..1, or the lengths differ.
    """
    label_array, _ = validated_labels_probabilities(labels, probabilities)
    support = np.bincount(label_array, minlength=2)
    counts = confusion_counts(labels, probabilities, threshold)
    if counts is None:
        by_class = np.full((2, 3), math.nan)
    else:
        by_class = np.array([_class_scores(counts, 0), _class_scores(counts, 1)])
    # NaN in one class is NaN in the mean: leaving it out would give a model that never predicts malignant the
    # precision of its "benign" alone.
    macro = by_class.mean(axis=0)
    # Here a class without images does not count: its weight is 0.
    present = support > 0
    weighted = np.average(by_class[present], axis=0, weights=support[present]) if present.any() else macro
    rows = np.vstack([by_class, macro, weighted])
    report = pd.DataFrame(rows, columns=["precision", "recall", "f1"], index=[*CLASSES, "macro avg", "weighted avg"])
    report["support"] = [*support.tolist(), len(label_array), len(label_array)]
    return report


def _class_scores(counts: NDArray[np.int64], label: int) -> tuple[float, float, float]:
    """Returns precision, recall and F1 of one class."""
    correct, predicted, present = counts[label, label], counts[:, label].sum(), counts[label].sum()
    return (
        # NaN if nothing was predicted this class: no prediction could be right or wrong.
        _ratio(correct, predicted),
        # NaN if no image is of this class: there was none to find.
        _ratio(correct, present),
        # From counts, not from precision and recall: a model that never predicts malignant has no precision there, but
        # its F1 is 0, as it missed what there was. NaN if no image is of this class and none was predicted so.
        _ratio(2 * correct, predicted + present),
    )


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else math.nan
