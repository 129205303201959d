"""Several seeds of one configuration: how a score varies with the seed, and whether two configurations differ."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t, wilcoxon

from skinexp.evaluation.intervals.interval import LEVEL


class SeedSummary(NamedTuple):
    """A score over seeds; NaN if undefined."""

    mean: float
    spread: float  # standard deviation from seed to seed, of a sample
    seeds: int  # that have the score


class SeedComparison(NamedTuple):
    """Two configurations over the seeds that both have; NaN if undefined."""

    difference: float  # mean of a - b
    low: float
    high: float
    p_value: float  # two-sided
    smallest_p: float  # that the test can give with so many seeds
    seeds: int


def summarise_seeds(scores: ArrayLike) -> SeedSummary:
    """Returns mean and standard deviation of a score over seeds.

    Args:
        scores: (seeds,) NaN if a run has no such score; it is left out and not counted.

    Returns:
        A `SeedSummary`. One seed has no spread (NaN, not 0: it is unknown), none has no mean.
    """
    values = np.asarray(scores, dtype=np.float64)
    values = values[~np.isnan(values)]
    mean = float(values.mean()) if values.size else math.nan
    return SeedSummary(mean, float(values.std(ddof=1)) if values.size > 1 else math.nan, int(values.size))


def compare_seeds(a: Mapping[int, float], b: Mapping[int, float], test: str = "t") -> SeedComparison:
    """Tests whether two configurations differ by more than seeds do.

    Runs of one seed share their split and order of images, so they are compared with each other. The question is
    another than that of `delong_test`: there, whether two trained models differ on other images; here, whether two
    configurations differ when they are trained again. It is right for seeds with images of their own alone: the luck of
    test images that seeds share does not show in their spread. See `skinexp.evaluation.paired.configuration_test`.

    Args:
        a: seed -> score of the first configuration; NaN if it has none.
        b: likewise of the second. Seeds that only one has are left out.
        test: `t` (paired, for differences that scatter normally) or `wilcoxon` (signed ranks, exact up to 50 seeds
            without ties; below 6 seeds it cannot give a p-value under 0.05, see `smallest_p`).

    Returns:
        A `SeedComparison`, its interval that of the paired t-test; NaN but for the difference with fewer than two
        seeds in common. Where all differences are the same they have no spread, and so many seeds show no more than
        that they all agree: a p-value of the sign test.

    Raises:
        ValueError: if the test is neither of these.
    """
    if test not in ("t", "wilcoxon"):
        raise ValueError(f"test: must be t or wilcoxon. Received: {test}")
    differences = np.array([a[seed] - b[seed] for seed in a.keys() & b.keys()], dtype=np.float64)
    differences = differences[~np.isnan(differences)]
    seeds = int(differences.size)
    mean = float(differences.mean()) if seeds else math.nan
    if seeds < 2:
        return SeedComparison(mean, math.nan, math.nan, math.nan, math.nan, seeds)
    error = float(differences.std(ddof=1)) / math.sqrt(seeds)
    half = float(t.ppf((1 + LEVEL) / 2, seeds - 1)) * error
    all_signs = 2.0 ** (1 - seeds)
    smallest = 0.0 if test == "t" else all_signs
    # Differences of scores that are equal but for rounding have no spread to speak of, and show nothing of its size.
    if error <= 1e-12 * max(1.0, abs(mean)):
        p_value, half = 1.0 if abs(mean) <= 1e-12 else all_signs, math.nan
    elif test == "t":
        p_value = float(2 * t.sf(abs(mean) / error, seeds - 1))
    else:
        p_value = float(wilcoxon(differences).pvalue)
    return SeedComparison(mean, mean - half, mean + half, p_value, smallest, seeds)
