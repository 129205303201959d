"""DeLong's variance of areas under ROC curves, for independent images and for images that come in groups."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit, ndtr
from scipy.stats import rankdata

from skinexp.evaluation.cases import validated_labels_scores, warn_undefined, why_undefined
from skinexp.evaluation.intervals.interval import QUANTILE, Interval
from skinexp.evaluation.intervals.resampling import validated_groups
from skinexp.evaluation.intervals.wilson import wilson

NEGLIGIBLE = 1e-12  # standard error that is only rounding: a pair of 100,000 images of either class makes 1e-10


class PairedAuc(NamedTuple):
    """Two areas on the same cases, and whether they differ; NaN if undefined."""

    auc_a: float
    auc_b: float
    difference: float  # a - b
    low: float
    high: float
    standard_error: float  # of the difference
    p_value: float  # two-sided


@dataclass(frozen=True)
class Components:
    """The part of each group to the error of an area, or to that of a difference of areas.

    Attributes:
        malignant: (groups,) sum over a group's malignant images of (share of benign images below - area), over the
            number of malignant images.
        benign: (groups,) the same from the other side.
        with_malignant: how many groups hold a malignant image.
        with_benign: how many hold a benign one.
    """

    malignant: NDArray[np.float64]
    benign: NDArray[np.float64]
    with_malignant: int
    with_benign: int

    def variance(self) -> float:
        """Returns the variance of the area; NaN if a class comes from a single group: that shows no variation."""
        if self.with_malignant < 2 or self.with_benign < 2:
            return math.nan
        groups = len(self.malignant)
        return float(
            self.with_malignant / (self.with_malignant - 1) * (self.malignant**2).sum()
            + self.with_benign / (self.with_benign - 1) * (self.benign**2).sum()
            + 2 * groups / (groups - 1) * (self.malignant * self.benign).sum()
        )

    def error(self) -> float:
        """Returns the standard error of the area: 0 if all that varies is rounding, NaN as `variance`."""
        error = math.sqrt(max(self.variance(), 0.0))
        return 0.0 if error < NEGLIGIBLE else error


def delong_interval(
    labels: ArrayLike, scores: ArrayLike, groups: ArrayLike | None = None, quantile: float = QUANTILE
) -> Interval:
    """Returns the 95 % interval of the area under the ROC curve.

    The interval is symmetric for the logit of the area. On the plain scale it has to be cut off at 1 for a good model,
    and simulated studies show it to cover less often than 95 %; the table in docs/concepts/intervals.md has both.

    Where the classes are fully apart, or all scores are equal, all components are equal and DeLong's variance is 0,
    which would make a model certain that was seen on five images. Each malignant image can be paired with a benign one
    of its own; that so many independent pairs are in the right order (half of them, for a tie) bounds the area, by
    Wilson.

    Args:
        labels: (n,) array of 0/1.
        scores: (n,) array, higher means more likely malignant.
        groups: (n,) names of lesions or patients, whose images are not independent; without, all images are.
        quantile: of the normal distribution: 1.96 for 95 %.

    Returns:
        The area and its limits. All are NaN, with a warning, if a class is absent or a score is not finite; the
        limits alone where a class comes from a single group.

    Raises:
        ValueError: if a label is not 0 or 1, the lengths differ, or a group has no name.

    Reference: DeLong et al., Biometrics 44 (1988); fast form by Sun & Xu, IEEE Signal Processing Letters 21 (2014);
    groups by Obuchowski, Biometrics 53 (1997).
    """
    label_array, score_array = validated_labels_scores(labels, scores)
    reason = why_undefined(label_array, score_array)
    if reason is not None:
        warn_undefined("DeLong's interval", reason)
        return Interval(math.nan, math.nan, math.nan)
    area, components = auc_components(label_array, score_array, groups)
    error = components.error()
    if math.isnan(error):
        return Interval(area, math.nan, math.nan)
    if error == 0:
        pairs = min(components.with_malignant, components.with_benign)
        return Interval(area, *wilson(area * pairs, pairs, quantile)[1:])
    half = quantile * error / (area * (1 - area))
    return Interval(area, float(expit(logit(area) - half)), float(expit(logit(area) + half)))


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
        A `PairedAuc`; NaN, with a warning, if a class is absent or a score is not finite, and NaN but for the areas
        where a class comes from a single group, or where the areas differ and nothing shows how that difference varies
        (one model orders all pairs right, the other gives all the same score). The p-value is 1 where both models order
        all pairs alike.

    Raises:
        ValueError: if a label is not 0 or 1, the lengths differ, or a group has no name.

    Reference: as `delong_interval`.
    """
    label_array, array_a = validated_labels_scores(labels, scores_a)
    _, array_b = validated_labels_scores(labels, scores_b)
    reason = why_undefined(label_array, array_a) or why_undefined(label_array, array_b)
    if reason is not None:
        warn_undefined("DeLong's test", reason)
        return PairedAuc(*[math.nan] * 7)
    return paired_auc(*(auc_components(label_array, array, groups) for array in (array_a, array_b)))


def paired_auc(a: tuple[float, Components], b: tuple[float, Components]) -> PairedAuc:
    """Returns `delong_test` of what `auc_components` returns for two models: once a model, not once a pair."""
    (area_a, of_a), (area_b, of_b) = a, b
    difference = area_a - area_b
    error = difference_components(of_a, of_b).error()
    # Without an error the two order all pairs alike, or theory does not give how far off their difference is: it
    # would be certain of two models that were seen on six images.
    if math.isnan(error) or (error == 0 and abs(difference) > NEGLIGIBLE):
        return PairedAuc(area_a, area_b, difference, *[math.nan] * 4)
    p_value = float(2 * ndtr(-abs(difference) / error)) if error > 0 else 1.0
    half = QUANTILE * error
    return PairedAuc(area_a, area_b, difference, difference - half, difference + half, error, p_value)


def auc_components(
    labels: NDArray[np.int64], scores: NDArray[np.float64], groups: ArrayLike | None
) -> tuple[float, Components]:
    """Returns the area of cases of both classes with finite scores, and what each group adds to its error."""
    names = np.arange(len(labels)) if groups is None else groups
    _, group_of_image, group_count = validated_groups(labels, names)
    malignant = labels == 1
    positives, negatives = int(malignant.sum()), int((~malignant).sum())
    # A rank among all, less the rank within the class, counts the images of the other class below; ties by half.
    among_all = rankdata(scores)
    benign_below = (among_all[malignant] - rankdata(scores[malignant])) / negatives
    malignant_above = 1 - (among_all[~malignant] - rankdata(scores[~malignant])) / positives
    area = float(benign_below.mean())
    parts = [
        np.bincount(group_of_image[which], weights=(share - area) / len(share), minlength=group_count).astype(float)
        for which, share in ((malignant, benign_below), (~malignant, malignant_above))
    ]
    held = [len(np.unique(group_of_image[which])) for which in (malignant, ~malignant)]
    return area, Components(parts[0], parts[1], held[0], held[1])


def difference_components(of_a: Components, of_b: Components) -> Components:
    """Returns the components of the difference of two areas on the same images."""
    return Components(of_a.malignant - of_b.malignant, of_a.benign - of_b.benign, of_a.with_malignant, of_a.with_benign)
