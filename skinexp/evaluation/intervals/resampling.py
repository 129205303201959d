"""Draws of whole groups with replacement: how often each image counts in each resample of a study."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skinexp.evaluation.cases import validated_labels_scores

CASE_CONTROL, COHORT = "case_control", "cohort"  # samplings: malignant cases are fixed in number, or found by chance
SAMPLINGS = (CASE_CONTROL, COHORT)
CHUNK = 200_000  # weights at a time: what is computed from them stays in a core's cache


def group_weights(
    labels: ArrayLike,
    groups: ArrayLike,
    resamples: int,
    seed: int,
    folds: ArrayLike | None = None,
    sampling: str = CASE_CONTROL,
) -> Iterator[NDArray[np.float64]]:
    """Yields resamples of a study, as weights of its images.

    Images of one lesion or patient resemble each other, so they are drawn together or not at all. Of a case-control
    study, groups with a malignant image and groups without are drawn apart, as many of each as there are: it fixes how
    many cases of either kind it collects, and no resample is left without malignant ones. Of a cohort, all groups are
    drawn together: another one would hold another number of malignant cases.

    Args:
        labels: (n,) array of 0/1.
        groups: (n,) names of groups; equal names stay together.
        resamples: how many in all.
        seed: the same seed draws the same resamples, in the same order, whatever they are used for.
        folds: (n,) numbers of the folds of a cross-validation, each of which is drawn from by itself; a group whose
            images are in several folds belongs to the first.
        sampling: `case_control` or `cohort`.

    Yields:
        (some, n) whole numbers as float64, in chunks of bounded size, `resamples` rows in all.

    Raises:
        ValueError: if labels are not 0 or 1, the lengths differ, a group has no name, `resamples` is below 1, or the
            sampling is unknown.

    Reference: Davison & Hinkley, Bootstrap Methods and their Application (1997), chapter 3.2 (strata are fixed in size
    if, and only if, the study fixed them).
    """
    label_array, group_of_image, group_count = validated_groups(labels, groups)
    if resamples < 1:
        raise ValueError(f"resamples: must be at least 1. Received: {resamples}")
    validate_sampling(sampling)
    holds_malignant = np.bincount(group_of_image, weights=label_array, minlength=group_count) > 0
    if sampling == COHORT:
        holds_malignant = np.zeros_like(holds_malignant)  # one kind: groups are drawn whatever they hold
    strata = _strata(holds_malignant, group_of_image, folds)
    generator = np.random.default_rng([seed, 0xB007])  # a stream of its own, whatever else is drawn from the seed
    rows = max(1, CHUNK // max(1, len(label_array)))
    for start in range(0, resamples, rows):
        some = min(rows, resamples - start)
        drawn = np.zeros((some, group_count))
        for members in strata:
            drawn[:, members] = _drawn(generator, some, len(members))
        yield np.take(drawn, group_of_image, axis=1)


def _strata(
    holds_malignant: NDArray[np.bool_], group_of_image: NDArray[np.int64], folds: ArrayLike | None
) -> list[NDArray[np.int64]]:
    """Returns the numbers of the groups of each stratum, those without a malignant image first."""
    fold_of_group = np.zeros(len(holds_malignant), dtype=np.int64)
    if folds is not None:
        _, fold_of_image = np.unique(np.asarray(folds), return_inverse=True)
        fold_of_group[group_of_image[::-1]] = fold_of_image[::-1]
    kinds = [
        kind & (fold_of_group == fold)
        for kind in (~holds_malignant, holds_malignant)
        for fold in np.unique(fold_of_group)
    ]
    return [np.flatnonzero(kind) for kind in kinds if kind.any()]


def validate_sampling(sampling: str) -> None:
    """Refuses an unknown sampling.

    Raises:
        ValueError: naming those that are known.
    """
    if sampling not in SAMPLINGS:
        raise ValueError(f"sampling: must be one of {', '.join(SAMPLINGS)}. Received: {sampling}")


def validated_groups(labels: ArrayLike, groups: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Returns labels, the number of each image's group, and how many groups there are.

    Raises:
        ValueError: if labels are not 0 or 1, the lengths differ, or a group has no name.
    """
    group_array = np.asarray(groups)
    label_array, _ = validated_labels_scores(labels, np.zeros(group_array.shape))
    missing = np.asarray(pd.isna(group_array))
    if group_array.dtype == object:
        group_array = group_array.astype(str)  # names of several types have no order
    if missing.any():
        raise ValueError(f"groups: each image needs one; its own id will do. Received: {int(missing.sum())} without")
    names, group_of_image = np.unique(group_array, return_inverse=True)
    return label_array, group_of_image.astype(np.int64), len(names)


def _drawn(generator: np.random.Generator, resamples: int, size: int) -> NDArray[np.int64]:
    """Returns (resamples, size) how often each of `size` groups is drawn, `size` draws a resample."""
    draws = generator.integers(0, size, (resamples, size))
    draws += size * np.arange(resamples)[:, None]
    return np.bincount(draws.ravel(), minlength=resamples * size).reshape(resamples, size)
