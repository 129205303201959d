"""Scores of the four counts of a confusion matrix, for one matrix or for many at once."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

COUNT_SCORES = ("accuracy", "precision", "recall", "specificity", "f1", "npv", "balanced_accuracy", "mcc")


def count_scores(
    true_positives: ArrayLike, false_positives: ArrayLike, false_negatives: ArrayLike, true_negatives: ArrayLike
) -> dict[str, NDArray[np.float64]]:
    """Returns the scores of class malignant, element by element.

    Args:
        true_positives: malignant cases predicted malignant; a number or an array.
        false_positives: benign cases predicted malignant.
        false_negatives: malignant cases predicted benign.
        true_negatives: benign cases predicted benign.

    Returns:
        `accuracy`, `precision` (positive predictive value), `recall` (sensitivity), `specificity`, `f1`, `npv`
        (negative predictive value), `balanced_accuracy` and `mcc` (Matthews' correlation coefficient), each of the
        shape of the counts; NaN if 0/0.
    """
    tp, fp, fn, tn = (
        np.asarray(count, dtype=np.float64)
        for count in (true_positives, false_positives, false_negatives, true_negatives)
    )
    positive, negative, malignant, benign = tp + fp, fn + tn, tp + fn, fp + tn
    recall, specificity = _ratio(tp, malignant), _ratio(tn, benign)
    return {
        "accuracy": _ratio(tp + tn, malignant + benign),
        # NaN if nothing was predicted malignant: no prediction could be right or wrong.
        "precision": _ratio(tp, positive),
        # NaN if no case is malignant: there was none to find.
        "recall": recall,
        "specificity": specificity,
        # From counts, not from precision and recall: a model that never predicts malignant has no precision, but its
        # F1 is 0, as it missed what there was.
        "f1": _ratio(2 * tp, positive + malignant),
        "npv": _ratio(tn, negative),
        "balanced_accuracy": (recall + specificity) / 2,
        # NaN if one label is predicted for all: nothing correlates with a constant. (scikit-learn returns 0.)
        # Two roots, for the product of four counts of ten thousands is beyond what float64 counts exactly.
        "mcc": _ratio(tp * tn - fp * fn, np.sqrt(positive * malignant) * np.sqrt(negative * benign)),
    }


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)
