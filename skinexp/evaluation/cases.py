"""Labels and scores of the same cases: refused if they are wrong, explained if they cannot be scored."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import UndefinedMetricWarning

CLASSES = ("benign", "malignant")  # the name of label 0, and of label 1


def validated_labels_scores(labels: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Returns labels and scores as arrays, in the types that all scores here compute with.

    Scores become float64, whatever they were: beside a float32 array NumPy rounds a threshold to float32 too, and a
    threshold that stood between two scores may then fall onto one of them.

    Args:
        labels: (n,) values, each 0 (benign) or 1 (malignant).
        scores: (n,) numbers, higher means more likely malignant. They may be NaN or infinite.

    Returns:
        The labels as integers and the scores as float64, both (n,).

    Raises:
        ValueError: if the two differ in shape, are not one-dimensional, or a label is neither 0 nor 1.
    """
    label_array, score_array = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    if label_array.ndim != 1 or label_array.shape != score_array.shape:
        raise ValueError(
            "labels, scores: one label and one score per case, in two flat arrays of the same length. "
            f"Received: labels of shape {label_array.shape}, scores of shape {score_array.shape}"
        )
    _refuse(~np.isin(label_array, (0, 1)), label_array, "labels: must be 0 (benign) or 1 (malignant)")
    return label_array.astype(np.int64), score_array


def validated_labels_probabilities(
    labels: ArrayLike, probabilities: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Returns labels and probabilities as arrays: a logit given by mistake would be scored without complaint.

    Args:
        labels: (n,) values, each 0 (benign) or 1 (malignant).
        probabilities: (n,) numbers in 0..1, or NaN.

    Returns:
        As `validated_labels_scores`.

    Raises:
        ValueError: as `validated_labels_scores`, and if a probability is outside 0..1. NaN is accepted.
    """
    label_array, probability_array = validated_labels_scores(labels, probabilities)
    outside = (probability_array < 0) | (probability_array > 1)
    _refuse(outside, probability_array, "probabilities: must lie in 0..1; these look like logits")
    return label_array, probability_array


def why_undefined(labels: ArrayLike, scores: ArrayLike) -> str | None:
    """Returns why these cases cannot be ranked by class, in a few words for a legend.

    Args:
        labels: (n,) array of 0/1.
        scores: (n,) array, higher means more likely malignant.

    Returns:
        The reason; None if they can be ranked.
    """
    label_array, score_array = validated_labels_scores(labels, scores)
    not_finite = int((~np.isfinite(score_array)).sum())
    if label_array.size == 0:
        return "no images"
    if not_finite:
        return f"{not_finite} of {score_array.size} scores not finite"  # a model that diverged has no order
    if label_array.min() == label_array.max():
        return f"only {CLASSES[label_array[0]]} images"  # there is no pair of a malignant and a benign case to order
    return None


def warn_undefined(what: str, reason: str) -> None:
    """Warns that a score is NaN, in scikit-learn's own category so that one filter serves for both.

    Args:
        what: the score.
        reason: why it is undefined.
    """
    warnings.warn(f"{what} is undefined and set to NaN: {reason}", UndefinedMetricWarning, stacklevel=3)


def _refuse(wrong: NDArray[np.bool_], values: NDArray[Any], message: str) -> None:
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise ValueError(f"{message}. Received: {values[row]} in row {row} ({int(wrong.sum())} such rows)")
