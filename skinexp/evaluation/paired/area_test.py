"""Two models on the same images: whether their areas under the ROC curve differ.

With many images this is DeLong's test. Its variance is estimated from the images, and with few malignant ones it errs:
on three images of each class two models may have p = 2e-8, where no permutation of six images is rarer than 1 in 20.
If a class has few cases the p-value is that of Bandos' permutation test, which exchanges the two models' ranks of a
case, and the limits follow from Newcombe's interval of each area. If a class has hardly any there is no statement.
"""

import math
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, stdtrit
from scipy.stats import rankdata

from skinexp.evaluation.cases import validated_labels_scores, warn_undefined, why_undefined
from skinexp.evaluation.intervals.delong import NEGLIGIBLE, Components, auc_components, difference_components
from skinexp.evaluation.intervals.independent_difference import dependent_difference
from skinexp.evaluation.intervals.interval import QUANTILE
from skinexp.evaluation.intervals.newcombe import auc_interval

FEW = 25  # groups of a class, below which DeLong's test is not used
FEWEST = 5  # groups of a class, below which there is no statement
ENUMERATED = 12  # groups whose exchanges are all counted; of more, a sample is drawn
EXCHANGES = 4_999  # drawn ones
LARGEST = 100  # groups whose exchanges are drawn one by one: what the others add is normally distributed
DELONG, PERMUTATION = "DeLong", "permutation"
UNKNOWN_VARIANCE = "none: DeLong's variance of the difference is undefined on these images and logits"
TOO_FEW = f"none: a class has fewer than {FEWEST} independent test images"
OTHER_FOLDS = "none: a class has too few test images for two cross-validations with different folds"
NOT_FINITE = "none: a class is absent or a logit is not finite"


class PairedAuc(NamedTuple):
    """Two areas on the same cases, and whether they differ; NaN if undefined."""

    auc_a: float
    auc_b: float
    difference: float  # a - b
    low: float
    high: float
    standard_error: float  # of the difference, DeLong's
    p_value: float  # two-sided


class ComparedAreas(NamedTuple):
    """Two areas on the same cases, and by which test they were compared; `none: ` and the reason if by none."""

    areas: PairedAuc
    test: str


class ScoredModel(NamedTuple):
    """One model's scores of the test images, and what DeLong's theory makes of them."""

    scores: NDArray[np.float64]
    area: float
    components: Components
    folds: ArrayLike | None = None  # of a cross-validation, each with a network of its own


UNTESTED = ComparedAreas(PairedAuc(*[math.nan] * 7), NOT_FINITE)


def delong_test(
    labels: ArrayLike, scores_a: ArrayLike, scores_b: ArrayLike, groups: ArrayLike | None = None
) -> PairedAuc:
    """Tests whether two models have the same area under the ROC curve, on the same images.

    Args:
        labels: (n,) array of 0/1.
        scores_a: (n,) array, higher means more likely malignant.
        scores_b: (n,) array, the other model's scores of the same images, in the same order.
        groups: (n,) names of lesions or patients; without, all images are taken for independent.

    Returns:
        A `PairedAuc`; NaN, with a warning, if a class is absent or a score is not finite, and NaN but for the areas if
        a class has fewer than 5 groups, or if the areas differ and nothing shows how that difference varies (one model
        orders all pairs right, the other gives all the same score). With fewer than 25 groups of a class the p-value
        is Bandos'. If both models order all pairs alike the p-value is 1, and the limits are NaN: these images do not
        show how far the models may differ on others.

    Raises:
        ValueError: if a label is not 0 or 1, the lengths differ, or a group has no name.

    References: DeLong et al., Biometrics 44 (1988); fast form by Sun & Xu, IEEE Signal Processing Letters 21 (2014);
    groups by Obuchowski, Biometrics 53 (1997); permutations by Bandos, Rockette & Gur, Statistics in Medicine 24
    (2005).
    """
    label_array, array_a = validated_labels_scores(labels, scores_a)
    _, array_b = validated_labels_scores(labels, scores_b)
    reason = why_undefined(label_array, array_a) or why_undefined(label_array, array_b)
    if reason is not None:
        warn_undefined("DeLong's test", reason)
        return PairedAuc(*[math.nan] * 7)
    models = [ScoredModel(array, *auc_components(label_array, array, groups)) for array in (array_a, array_b)]
    return paired_areas(label_array, models[0], models[1], groups).areas


def paired_areas(
    labels: NDArray[np.int64],
    a: ScoredModel,
    b: ScoredModel,
    groups: ArrayLike | None = None,
) -> ComparedAreas:
    """Returns `delong_test` of two models of which the components are known: once a model, not once a pair.

    Args:
        labels: (n,) array of 0/1.
        a: the first model.
        b: the second.
        groups: (n,) names of groups.
    """
    difference = a.area - b.area
    components = difference_components(a.components, b.components)
    error = components.error()
    fewest = min(components.with_malignant, components.with_benign)
    without_p = a.area, b.area, difference, math.nan, math.nan, error
    if fewest < FEWEST:
        return ComparedAreas(PairedAuc(*without_p[:5], math.nan, math.nan), TOO_FEW)
    # Without an error the two order all pairs alike, or theory does not give how far off their difference is: it
    # would be certain of two models that were seen on six images.
    if math.isnan(error) or (error == 0 and abs(difference) > NEGLIGIBLE):
        return ComparedAreas(PairedAuc(*without_p[:5], math.nan, math.nan), UNKNOWN_VARIANCE)
    if error == 0:
        return ComparedAreas(PairedAuc(*without_p, 1.0), DELONG)
    if fewest >= FEW:
        half = QUANTILE * error
        p_value = float(2 * ndtr(-abs(difference) / error))
        limits = difference - half, difference + half
        return ComparedAreas(PairedAuc(a.area, b.area, difference, *limits, error, p_value), DELONG)
    if not _same(a.folds, b.folds):
        return ComparedAreas(PairedAuc(*without_p[:5], math.nan, math.nan), OTHER_FOLDS)
    p_value = exchange_p_value(labels, a.scores, b.scores, groups, a.folds)
    low, high = _small_sample_limits(labels, a, b, groups)
    return ComparedAreas(PairedAuc(a.area, b.area, difference, low, high, error, p_value), PERMUTATION)


def _same(one: ArrayLike | None, other: ArrayLike | None) -> bool:
    """Returns whether two models have the same folds, or none."""
    if one is None or other is None:
        return one is other
    return np.array_equal(np.asarray(one), np.asarray(other))


def exchange_p_value(
    labels: NDArray[np.int64],
    scores_a: NDArray[np.float64],
    scores_b: NDArray[np.float64],
    groups: ArrayLike | None = None,
    folds: ArrayLike | None = None,
) -> float:
    """Returns how often a difference of areas at least as large arises if the models' ranks of cases are exchanged.

    Were the models equally good, they could exchange their ranks of all images of a group. The difference of areas is a
    sum of what each group adds, and an exchange turns the sign of that.

    Args:
        labels: (n,) array of 0/1.
        scores_a: (n,) finite numbers.
        scores_b: (n,) finite numbers.
        groups: (n,) names of groups, which are exchanged as a whole.
        folds: (n,) numbers of folds: ranks are those within a fold.

    Reference: Bandos, Rockette & Gur, Statistics in Medicine 24 (2005) 2873-2893.
    """
    fold_array = np.zeros(len(labels)) if folds is None else np.asarray(folds)
    added = np.zeros(len(labels))
    different = np.unique(fold_array)
    for fold in different:
        part = fold_array == fold
        added[part] = _added(labels[part], scores_a[part], scores_b[part]) / len(different)
    names = np.arange(len(labels)) if groups is None else np.asarray(groups).astype(str)
    _, group_of_image = np.unique(names, return_inverse=True)
    by_group = np.bincount(group_of_image, weights=added)
    by_group = by_group[np.abs(by_group) > NEGLIGIBLE]
    if not by_group.size:
        return 1.0
    observed = abs(by_group.sum()) - NEGLIGIBLE
    large, small = np.split(by_group[np.argsort(-np.abs(by_group))], [LARGEST])
    signs, normal = _exchanges(len(large))
    sums = np.abs(signs @ large + normal * math.sqrt(float((small**2).sum())))
    if len(by_group) <= ENUMERATED:
        return float((sums >= observed).mean())
    return float((1 + (sums >= observed).sum()) / (1 + len(sums)))


def _added(
    labels: NDArray[np.int64], scores_a: NDArray[np.float64], scores_b: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Returns what each image adds to the difference of areas, half of which is by the other model's ranks."""
    ranks = [rankdata(scores) for scores in (scores_a, scores_b)]  # one scale for two models
    malignant = labels == 1
    added = np.zeros(len(labels))
    for which, side in ((malignant, 1.0), (~malignant, -1.0)):
        others = [np.sort(of_model[~which]) for of_model in ranks]
        below = [sum(_share_below(of_model[which], other) for other in others) for of_model in ranks]
        added[which] = side * (below[0] - below[1]) / (2 * which.sum())
    return added


def _share_below(values: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns which share of sorted others is below each value, ties counting half."""
    sides = (np.searchsorted(others, values, side=side) for side in ("left", "right"))
    return np.asarray(sum(sides) / (2 * len(others)), dtype=np.float64)


@lru_cache(maxsize=4)
def _exchanges(groups: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns (exchanges, groups) 1 or -1, and (exchanges,) normal numbers for the sum of many small groups.

    All ways if groups are few, else a sample that is always the same.
    """
    if groups <= ENUMERATED:
        signs = np.array(list(product((1.0, -1.0), repeat=groups)))
        return signs, np.zeros(len(signs))
    generator = np.random.default_rng(0xBA2D05)
    return generator.choice([1.0, -1.0], (EXCHANGES, groups)), generator.normal(size=EXCHANGES)


def _small_sample_limits(
    labels: NDArray[np.int64], a: ScoredModel, b: ScoredModel, groups: ArrayLike | None
) -> tuple[float, float]:
    """Returns limits of the difference of areas: MOVER of Newcombe's.

    The correlation of both areas is an estimate from few cases: the quantile is Student's.
    """
    fewest = min(a.components.with_malignant, a.components.with_benign)
    quantile = float(stdtrit(fewest - 1, float(ndtr(QUANTILE))))
    intervals = [auc_interval(labels, model.scores, groups, quantile, model.folds) for model in (a, b)]
    variances = [model.components.variance() for model in (a, b)]
    joint = difference_components(a.components, b.components).variance()
    errors = math.sqrt(max(0.0, variances[0] * variances[1]))
    correlation = (sum(variances) - joint) / 2 / errors if errors > 0 else 0.0
    _, low, high = dependent_difference(intervals[0], intervals[1], min(1.0, max(-1.0, correlation)))
    return (max(-1.0, low), min(1.0, high)) if high - low > NEGLIGIBLE else (math.nan, math.nan)
