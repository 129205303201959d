"""Two configurations, each trained several times: whether they differ by more than luck.

Seeds are lucky or not, and so are test images. A t-test over the seeds' scores sees the first kind of luck only: with
three seeds on one test set it finds a difference that is not there in a fifth of studies, with five in a third. What is
shared by the seeds decides which test is right:

* One test set for all seeds (a fixed split, or an external set): the images' luck is in every seed's difference, so it
  does not show in their spread. It is estimated from the images: `same_images_test`.
* Another split of one data set for each seed: the parts overlap, so that seeds are not independent: `resplit_test`.
* Images of its own for each seed: `independent_test`, the paired t-test.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t

from skinexp.evaluation.intervals.delong import Components
from skinexp.evaluation.intervals.interval import LEVEL
from skinexp.evaluation.paired.area_test import FEWEST, TOO_FEW

SAME_IMAGES = "t-test over seeds and test images"
RESPLITS = "corrected resampled t-test"
INDEPENDENT = "paired t-test"
TOO_FEW_SEEDS = "none: fewer than two seeds in common"
NO_SPREAD = "none: all seeds have the same difference"
ROUNDING = 1e-12


class ConfigurationTest(NamedTuple):
    """Two configurations over the seeds that both have; NaN if undefined."""

    difference: float  # mean of a - b
    low: float
    high: float
    p_value: float  # two-sided
    seeds: int
    test: str  # by which they were compared; `none: ` and the reason if by none


def same_images_test(differences: ArrayLike, components: Sequence[Components]) -> ConfigurationTest:
    """Tests whether two configurations differ on other images and with other seeds; all seeds share the test images.

    This is the analysis of several readers who read the same cases in two ways, with seeds as readers. The variance of
    the mean difference is the spread between seeds over their number, and the covariance of two seeds' differences,
    which they have from the images, by DeLong. Degrees of freedom are Satterthwaite's, of both parts.

    Args:
        differences: (seeds,) area of a less area of b.
        components: of each seed's difference of areas: see `difference_components`.

    Returns:
        A `ConfigurationTest`. There is no test with fewer than two seeds, or fewer than 5 groups of a class.

    Reference: Obuchowski & Rockette, Communications in Statistics - Simulation and Computation 24 (1995); Hillis,
    Statistics in Medicine 26 (2007) (degrees of freedom); DeLong et al., Biometrics 44 (1988) (covariance).
    """
    values = np.asarray(differences, dtype=np.float64)
    seeds = len(values)
    if seeds < 2:
        return untested(values, TOO_FEW_SEEDS)
    fewest = min(min(one.with_malignant, one.with_benign) for one in components)
    if fewest < FEWEST:
        return untested(values, TOO_FEW)
    of_seeds = float(values.var(ddof=1)) / seeds
    of_images = max(0.0, _mean_covariance(components))
    doubt = of_seeds**2 / (seeds - 1) + of_images**2 / (fewest - 1)
    if not doubt > 0:
        return _without_spread(values)
    return _tested(values, of_seeds + of_images, (of_seeds + of_images) ** 2 / doubt, SAME_IMAGES)


def _mean_covariance(components: Sequence[Components]) -> float:
    """Returns the covariance of two seeds' differences that comes from the images, on average over pairs of seeds."""
    first, seeds = components[0], len(components)
    together = Components(
        np.sum([one.malignant for one in components], axis=0),
        np.sum([one.benign for one in components], axis=0),
        first.with_malignant,
        first.with_benign,
    )
    return (together.variance() - sum(one.variance() for one in components)) / (seeds * (seeds - 1))


def resplit_test(
    differences: ArrayLike, test_share: float, train_share: float, components: Sequence[Components] | None = None
) -> ConfigurationTest:
    """Tests whether two configurations differ, from several random splits of one data set.

    Parts of different splits overlap, so that the differences are correlated: the variance of their mean has a part
    that more splits do not lower. Nadeau & Bengio estimate it as the variance between splits times test over training
    images. That is too much if the luck of seeds makes most of this variance, because seeds have nothing in common.
    What test parts have in common shows in the images that they share (DeLong's components). The smaller one counts.

    Args:
        differences: (splits,) area of a less area of b.
        test_share: share of the images in the test part of each split.
        train_share: share of the images in its training part.
        components: of each split's difference of areas, by the same groups: see `on_all_groups`. Without, the
            correction is Nadeau & Bengio's.

    Returns:
        A `ConfigurationTest`; without a test of fewer than two splits.

    Reference: Nadeau & Bengio, Machine Learning 52 (2003); DeLong et al., Biometrics 44 (1988) (covariance).
    """
    values = np.asarray(differences, dtype=np.float64)
    splits = len(values)
    if splits < 2:
        return untested(values, TOO_FEW_SEEDS)
    between = float(values.var(ddof=1))
    in_common = test_share / train_share * between
    if components is not None and not math.isnan(shared := _mean_covariance(components)):
        in_common = min(in_common, max(0.0, shared))
    return _tested(values, between / splits + in_common, splits - 1, RESPLITS)


def on_all_groups(components: Sequence[Components], names: Sequence[NDArray[np.str_]]) -> list[Components]:
    """Returns components of different test parts by the same groups: those of all parts together.

    Args:
        components: of each test part.
        names: of its groups, sorted, as the components have them.
    """
    everyone = np.unique(np.concatenate(names))
    found = []
    for one, own in zip(components, names, strict=True):
        parts = np.zeros((2, len(everyone)))
        parts[:, np.searchsorted(everyone, own)] = one.malignant, one.benign
        found.append(Components(parts[0], parts[1], one.with_malignant, one.with_benign))
    return found


def independent_test(differences: ArrayLike) -> ConfigurationTest:
    """Tests whether two configurations differ, from several data sets that share no image: the paired t-test.

    Args:
        differences: (sets,) area of a less area of b.
    """
    values = np.asarray(differences, dtype=np.float64)
    if len(values) < 2:
        return untested(values, TOO_FEW_SEEDS)
    return _tested(values, float(values.var(ddof=1)) / len(values), len(values) - 1, INDEPENDENT)


def _tested(values: NDArray[np.float64], variance: float, freedom: float, test: str) -> ConfigurationTest:
    mean = float(values.mean())
    error = math.sqrt(variance)
    if error <= ROUNDING * max(1.0, abs(mean)):
        return _without_spread(values)
    half = float(t.ppf((1 + LEVEL) / 2, freedom)) * error
    p_value = float(2 * t.sf(abs(mean) / error, freedom))
    return ConfigurationTest(mean, max(-1.0, mean - half), min(1.0, mean + half), p_value, len(values), test)


def _without_spread(values: NDArray[np.float64]) -> ConfigurationTest:
    """Nothing shows how the difference varies; two configurations that are equal in all seeds are not different."""
    mean = float(values.mean())
    p_value = 1.0 if abs(mean) <= ROUNDING else math.nan
    return ConfigurationTest(mean, math.nan, math.nan, p_value, len(values), NO_SPREAD)


def untested(differences: ArrayLike, reason: str) -> ConfigurationTest:
    """Returns the mean difference alone.

    Args:
        differences: (seeds,) area of a less area of b.
        reason: why there is no test; begins with `none: `.
    """
    values = np.asarray(differences, dtype=np.float64)
    mean = float(values.mean()) if len(values) else math.nan
    return ConfigurationTest(mean, math.nan, math.nan, math.nan, len(values), reason)
