"""Scores of the four counts of a confusion matrix, for one matrix or for many at once."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

LIKELIHOOD_RATIOS = ("positive_likelihood_ratio", "negative_likelihood_ratio")
COUNT_SCORES = (
    *("accuracy", "precision", "recall", "specificity", "f1", "npv", "balanced_accuracy", "mcc", "cohen_kappa"),
    *LIKELIHOOD_RATIOS,
)


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
        (negative predictive value), `balanced_accuracy`, `mcc` (Matthews' correlation coefficient), `cohen_kappa`
        (agreement of predicted and true labels beyond chance), `positive_likelihood_ratio` (by which factor the
        prediction *malignant* multiplies the odds of malignancy) and `negative_likelihood_ratio` (likewise the
        prediction *benign*), each of the shape of the counts; NaN if something is divided by 0.

    Reference: Cohen, Educational and Psychological Measurement 20 (1960); Deeks & Altman, BMJ 329 (2004) (likelihood
    ratios).
    """
    tp, fp, fn, tn = (
        np.asarray(count, dtype=np.float64)
        for count in (true_positives, false_positives, false_negatives, true_negatives)
    )
    positive, negative, malignant, benign = tp + fp, fn + tn, tp + fn, fp + tn
    recall, specificity = ratio(tp, malignant), ratio(tn, benign)
    return {
        "accuracy": ratio(tp + tn, malignant + benign),
        # NaN if nothing was predicted malignant: no prediction could be right or wrong.
        "precision": ratio(tp, positive),
        # NaN if no case is malignant: there was none to find.
        "recall": recall,
        "specificity": specificity,
        # From counts, not from precision and recall: a model that never predicts malignant has no precision, but its
        # F1 is 0, as it missed what there was.
        "f1": ratio(2 * tp, positive + malignant),
        "npv": ratio(tn, negative),
        "balanced_accuracy": (recall + specificity) / 2,
        # NaN if one label is predicted for all: nothing correlates with a constant. (scikit-learn returns 0.)
        # Two roots, for the product of four counts of ten thousands is beyond what float64 counts exactly.
        "mcc": ratio(tp * tn - fp * fn, np.sqrt(positive * malignant) * np.sqrt(negative * benign)),
        # NaN if all cases have one label and all predictions too: chance would agree as well.
        "cohen_kappa": ratio(2 * (tp * tn - fp * fn), positive * benign + negative * malignant),
        # NaN if no benign case was predicted malignant: the ratio has no upper bound.
        "positive_likelihood_ratio": ratio(tp * benign, fp * malignant),
        # NaN if no benign case was predicted benign.
        "negative_likelihood_ratio": ratio(fn * benign, tn * malignant),
    }


def ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the quotient, element by element; NaN if the whole is 0."""
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)
