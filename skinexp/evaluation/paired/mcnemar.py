"""McNemar's test: whether two models are correct equally often on the same images."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2

from skinexp.evaluation.cases import validated_labels_scores
from skinexp.evaluation.intervals.resampling import validated_groups

FEW = 25  # groups in which the models differ: below, the exact distribution is used


class McNemar(NamedTuple):
    """Result of McNemar's test: how often only one of two models is correct, and the p-value."""

    only_a_right: int
    only_b_right: int
    p_value: float  # two-sided
    exact: bool


def mcnemar(
    labels: ArrayLike, predicted_a: ArrayLike, predicted_b: ArrayLike, groups: ArrayLike | None = None
) -> McNemar:
    """Tests whether two models predict equally many images correctly: McNemar's test, on images or groups of them.

    Were the models equally good, each group would favour either with the same probability. Below 25 groups that favour
    one, all ways in which they could have are counted; else the square of the sum is compared with chi-square. For
    images that are their own group this is McNemar's test, exact (binomial) or without continuity correction.

    Args:
        labels: (n,) array of 0/1.
        predicted_a: (n,) array of 0/1: the first model's predicted labels.
        predicted_b: (n,) the second model's predicted labels.
        groups: (n,) names of lesions or patients; without, all images are taken for independent.

    Returns:
        A `McNemar`; its p-value is 1 where no group favours either model, and NaN without images.

    Raises:
        ValueError: if a label is not 0 or 1, the lengths differ, or a group has no name.

    Reference: McNemar, Psychometrika 12 (1947); for groups, Obuchowski, Statistics in Medicine 17 (1998).
    """
    label_array, array_a = validated_labels_scores(labels, predicted_a)
    _, array_b = validated_labels_scores(labels, predicted_b)
    if label_array.size == 0:
        return McNemar(0, 0, math.nan, True)
    names = np.arange(len(label_array)) if groups is None else groups
    _, group_of_image, group_count = validated_groups(label_array, names)
    return mcnemar_of_correct(array_a == label_array, array_b == label_array, group_of_image, group_count)


def mcnemar_of_correct(
    correct_a: NDArray[np.bool_], correct_b: NDArray[np.bool_], group_of_image: NDArray[np.int64], group_count: int
) -> McNemar:
    """Returns `mcnemar` of which images each model predicts correctly, and the number of each image's group."""
    favour = np.bincount(group_of_image, weights=correct_a.astype(float) - correct_b, minlength=group_count)
    favour = favour[favour != 0].astype(np.int64)
    exact = len(favour) < FEW
    return McNemar(
        int((correct_a & ~correct_b).sum()),
        int((correct_b & ~correct_a).sum()),
        _exact(favour) if exact else float(chi2.sf(favour.sum() ** 2 / (favour**2).sum(), df=1)),
        exact,
    )


def _exact(favour: NDArray[np.int64]) -> float:
    """Returns the probability of a sum at least as far from 0, where each group's sign is a toss."""
    ways = np.ones(1)  # of each sum from -reach to reach
    for size in np.abs(favour):
        apart = np.zeros(2 * size + 1)
        apart[[0, -1]] = 0.5
        ways = np.convolve(ways, apart)
    reach = len(ways) // 2
    return float(min(1.0, ways[np.abs(np.arange(-reach, reach + 1)) >= abs(favour.sum())].sum()))
