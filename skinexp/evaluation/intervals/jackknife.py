"""Intervals of smooth scores by the grouped jackknife, on transformed scales.

Percentiles of resamples are too narrow for scores with a skewed distribution whose error depends on few images: the
highest ranked benign ones, the most certain wrong ones. Here an interval is symmetric on a scale on which the score is
not skewed. Its width is that of Student's distribution, with the degrees of freedom of the scatter of the groups'
contributions. The score must change little if a group is left out; a value read off at one point of a curve does not.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit, stdtrit

from skinexp.evaluation.intervals.interval import LEVEL, Interval
from skinexp.evaluation.intervals.resampling import CASE_CONTROL, CHUNK, COHORT, validated_groups
from skinexp.evaluation.metrics.weighted_metrics import WeightedMetric

BLOCKS = 100  # of groups with a malignant image, and of others, at most: more are left out several at a time
FEWEST = 3.0  # degrees of freedom: with less, the scatter hangs on one or two groups, and does not carry over to others
ROUNDING = 1e-9  # standard error, relative to a score, that is none
SHARES = {"average_precision": 1.0, "pauc_isic2024": 0.2}  # scores that lie between 0 and this
UNBOUNDED = ("calibration_slope", "calibration_slope_calibrated")  # scores that may be any number


@dataclass(frozen=True)
class Error:
    """How sure a score is: its variance, and of how many degrees of freedom that is known."""

    variance: float
    freedom: float


def jackknife_intervals(
    score: WeightedMetric,
    estimates: dict[str, float],
    labels: ArrayLike,
    groups: ArrayLike,
    sampling: str = CASE_CONTROL,
) -> dict[str, Interval]:
    """Returns 95 % intervals of the scores that are smooth, as long as they are not at an end of their range.

    Of a case-control study, groups with a malignant image and others are left out apart, as they are drawn apart in
    resamples: each is compared with its like. Of a cohort, all groups are compared with each other.

    Args:
        score: (weightings, n) weights of images -> scores.
        estimates: what they are of all images.
        labels: (n,) array of 0/1.
        groups: (n,) names of lesions or patients.
        sampling: `case_control` or `cohort`.

    Returns:
        By score; without those whose error cannot be known, as where there is but one group of a kind, or where all of
        it comes from one group (a benign image ranked above all others).

    Raises:
        ValueError: if a label is not 0 or 1, the lengths differ, or a group has no name.

    Reference: Davison & Hinkley, Bootstrap Methods and their Application (1997), chapter 2.7 (jackknife) and 5.2
    (transformed scales); Satterthwaite, Biometrics Bulletin 2 (1946) (degrees of freedom).
    """
    names = [name for name in (*SHARES, *UNBOUNDED) if name in estimates]
    blocks = _blocks(labels, groups, sampling)
    if not names or min(map(len, blocks), default=1) < 2:
        return {}
    left_out = [_scored(score, block, names) for block in blocks]
    found = {}
    for place, name in enumerate(names):
        error = _error([values[:, place] for values in left_out])
        if (interval := _interval(name, estimates[name], error)) is not None:
            found[name] = interval
    return found


def _blocks(labels: ArrayLike, groups: ArrayLike, sampling: str) -> list[NDArray[np.bool_]]:
    """For each kind of groups that is there, (blocks, n) which images each block leaves out."""
    label_array, group_of_image, group_count = validated_groups(labels, groups)
    malignant = np.bincount(group_of_image, weights=label_array, minlength=group_count) > 0
    order = np.arange(group_count)
    if sampling == COHORT:
        # One kind. Its order must be chance: if names begin with the class, all blocks would hold as many of each.
        order = np.random.default_rng(0x1ACC).permutation(group_count)
        malignant = np.ones_like(malignant)
    found = []
    for kind in (malignant, ~malignant):
        if size := int(kind.sum()):
            block = np.full(group_count, -1)
            block[order[kind]] = np.arange(size) % min(size, BLOCKS)
            found.append(block[group_of_image] == np.arange(min(size, BLOCKS))[:, None])
    return found


def _scored(score: WeightedMetric, left_out: NDArray[np.bool_], names: list[str]) -> NDArray[np.float64]:
    """(blocks, names) the scores without each block; chunk by chunk, as resamples are."""
    chunks = [score(weights) for weights in _weights(left_out)]
    return np.column_stack([np.concatenate([chunk[name] for chunk in chunks]) for name in names])


def _weights(left_out: NDArray[np.bool_]) -> Iterator[NDArray[np.float64]]:
    rows = max(1, CHUNK // left_out.shape[1])
    for start in range(0, len(left_out), rows):
        yield (~left_out[start : start + rows]).astype(np.float64)


def _error(left_out: list[NDArray[np.float64]]) -> Error:
    """From a score without each block, of either kind of groups; NaN if it is undefined without one."""
    variance = doubt = 0.0
    for values in left_out:
        squares = (values - values.mean()) ** 2
        shrink = (len(values) - 1) / len(values)
        variance += shrink * float(squares.sum())
        doubt += shrink**2 * float((squares**2).sum() - squares.sum() ** 2 / len(values))
    # A product of floats may be infinite; a power of them raises an OverflowError.
    return Error(variance, max(1.0, 2 * variance * variance / doubt) if doubt > 0 else math.inf)


def _interval(name: str, estimate: float, error: Error) -> Interval | None:
    """Symmetric for the logit of a share, and for a slope itself, which may be 0 or negative; None if it cannot be."""
    varies = error.variance > (ROUNDING * estimate) * (ROUNDING * estimate)
    if not (varies and error.freedom >= FEWEST and math.isfinite(error.variance)):  # NaN included
        return None
    half = float(stdtrit(error.freedom, (1 + LEVEL) / 2)) * math.sqrt(error.variance)
    if name in UNBOUNDED:
        return Interval(estimate, estimate - half, estimate + half)
    most = SHARES[name]
    if not 0 < estimate < most:
        return None
    middle, half = float(logit(estimate / most)), half / estimate / (1 - estimate / most)
    return Interval(estimate, most * float(expit(middle - half)), most * float(expit(middle + half)))
