"""DeLong's variance of areas under ROC curves, for independent images and for images that come in groups."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit
from scipy.stats import rankdata

from skinexp.evaluation.cases import validated_labels_scores, warn_undefined, why_undefined
from skinexp.evaluation.intervals.interval import QUANTILE, Interval
from skinexp.evaluation.intervals.resampling import validated_groups
from skinexp.evaluation.intervals.wilson import wilson

NEGLIGIBLE = 1e-12  # standard error that is only rounding: a pair of 100,000 images of either class makes 1e-10


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


def auc_components(
    labels: NDArray[np.int64],
    scores: NDArray[np.float64],
    groups: ArrayLike | None,
    folds: ArrayLike | None = None,
) -> tuple[float, Components]:
    """Returns the area of cases of both classes with finite scores, and what each group adds to its error.

    Args:
        labels: (n,) array of 0/1.
        scores: (n,) array.
        groups: (n,) names of groups; None: each image is its own.
        folds: (n,) numbers of folds, each with both classes. The area is then the mean of the folds' areas: scores of
            different folds come from different networks, and only those of one network are compared.
    """
    names = np.arange(len(labels)) if groups is None else groups
    _, group_of_image, group_count = validated_groups(labels, names)
    fold_array = np.zeros(len(labels)) if folds is None else np.asarray(folds)
    found = [
        _fold_components(labels[part], scores[part], group_of_image[part], group_count)
        for part in (fold_array == fold for fold in np.unique(fold_array))
    ]
    area = sum(of_fold for of_fold, _ in found) / len(found)
    return area, _mean_components([components for _, components in found])


def _fold_components(
    labels: NDArray[np.int64], scores: NDArray[np.float64], group_of_image: NDArray[np.int64], group_count: int
) -> tuple[float, Components]:
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


def _mean_components(folds: Sequence[Components]) -> Components:
    """Returns the components of the mean area of folds.

    `Components.variance` corrects for the number of groups of all folds together; what it lacks for the fewer groups of
    each fold is put into the components. A class that comes from a single group in one fold shows no variation there.
    """
    if len(folds) == 1:
        return folds[0]
    shows = all(fold.with_malignant > 1 and fold.with_benign > 1 for fold in folds)
    groups = [sum(fold.with_malignant for fold in folds), sum(fold.with_benign for fold in folds)]
    if not shows:
        groups = [1, 1]

    def corrected(part: NDArray[np.float64], held: int, all_held: int) -> NDArray[np.float64]:
        few, many = held / max(1, held - 1), all_held / max(1, all_held - 1)
        return part * math.sqrt(few / many) / len(folds)

    return Components(
        np.sum([corrected(fold.malignant, fold.with_malignant, groups[0]) for fold in folds], axis=0),
        np.sum([corrected(fold.benign, fold.with_benign, groups[1]) for fold in folds], axis=0),
        groups[0],
        groups[1],
    )


def difference_components(of_a: Components, of_b: Components) -> Components:
    """Returns the components of the difference of two areas on the same images."""
    return Components(of_a.malignant - of_b.malignant, of_a.benign - of_b.benign, of_a.with_malignant, of_a.with_benign)
