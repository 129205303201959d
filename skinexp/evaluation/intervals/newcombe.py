"""Newcombe's interval of the area under the ROC curve, for independent images and for images that come in groups.

DeLong's variance is estimated from the same few malignant images as the area. If by luck all of these are ranked high,
both the area is too high and its variance too small: with 8 to 20 malignant images its 95 % interval covers in 80 to
90 % of studies, and it errs in the flattering direction. Newcombe's method 5 solves for the areas that the observed one
is just compatible with, and takes the variance of these areas from a model instead. If images of one lesion agree, that
variance is multiplied by a design effect: how many times larger DeLong's variance is if these images are taken together
than if they are not.
"""

import math
import operator
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from skinexp.evaluation.cases import validated_labels_scores, warn_undefined, why_undefined
from skinexp.evaluation.intervals.delong import NEGLIGIBLE, Components, auc_components
from skinexp.evaluation.intervals.interval import QUANTILE, UNDEFINED, Interval
from skinexp.evaluation.intervals.resampling import validated_groups
from skinexp.evaluation.intervals.wilson import DesignEffect

CLOSEST = 1e-12  # of an area to 0 and 1, where the variance is 0: the limit that is not the area itself is inside

Sizes = Sequence[tuple[float, float]]  # how many malignant and benign images each fold has; one fold if there are none


def auc_interval(
    labels: ArrayLike,
    scores: ArrayLike,
    groups: ArrayLike | None = None,
    quantile: float = QUANTILE,
    folds: ArrayLike | None = None,
) -> Interval:
    """Returns the 95 % interval of the area under the ROC curve.

    Args:
        labels: (n,) array of 0/1.
        scores: (n,) array, higher means more likely malignant.
        groups: (n,) names of lesions or patients, whose images are not independent; without, all images are.
        quantile: of the normal distribution: 1.96 for 95 %.
        folds: (n,) numbers of the folds of a cross-validation. Scores of different folds come from different networks
            and are not compared: the area is the mean over folds.

    Returns:
        The area and its limits. All are NaN, with a warning, if a class is absent (in a fold) or a score is not finite;
        the limits alone if a class comes from a single group: it does not show how groups vary.

    Raises:
        ValueError: if a label is not 0 or 1, the lengths differ, or a group has no name.

    Reference: Newcombe, Statistics in Medicine 25 (2006) 559-573, method 5; design effect after Rao & Scott, Biometrics
    48 (1992), from the variance of Obuchowski, Biometrics 53 (1997).
    """
    label_array, score_array = validated_labels_scores(labels, scores)
    fold_array = np.zeros(len(label_array)) if folds is None else np.asarray(folds)
    parts = [fold_array == fold for fold in np.unique(fold_array)]
    reason = why_undefined(label_array, score_array)
    for part in parts:
        reason = reason or why_undefined(label_array[part], score_array[part])
    if reason is not None:
        warn_undefined("the interval of the area", reason)
        return UNDEFINED
    area, components = auc_components(label_array, score_array, groups, folds)
    if math.isnan(components.variance()):
        return UNDEFINED._replace(estimate=area)
    sizes = [(float(label_array[part].sum()), float((label_array[part] == 0).sum())) for part in parts]
    if components.error() == 0:
        # All pairs are in the right order, or all scores are equal: whether images of a group agree cannot be seen. The
        # worst is that they do in all.
        return Interval(area, *score_limits(area, _independent_sizes(label_array, groups, parts), 1.0, quantile))
    design = _design_effect(label_array, score_array, groups, folds, components)
    return Interval(area, *score_limits(area, sizes, design.effect, design.quantile(quantile)))


def model_variance(area: float, sizes: Sizes) -> float:
    """Returns the variance of an area, or of the mean area of folds, in Newcombe's method 5.

    It is Hanley & McNeil's for exponentially distributed scores, in which both numbers of images are replaced by their
    mean where pairs share an image.

    Args:
        area: the true one, 0 to 1.
        sizes: of each fold, how many malignant and benign images it has.
    """
    return _variance(area, *_weights(sizes))


def _weights(sizes: Sizes) -> tuple[float, float]:
    """Returns what single pairs and pairs that share an image add to the variance, but for the area."""
    pairs = [malignant * benign for malignant, benign in sizes]
    shared = [max(0.0, (malignant + benign) / 2 - 1) for malignant, benign in sizes]
    folds = len(sizes) ** 2
    return sum(1 / count for count in pairs) / folds, sum(map(operator.truediv, shared, pairs)) / folds


def _variance(area: float, single: float, shared: float) -> float:
    return area * (1 - area) * (single + shared * ((1 - area) / (2 - area) + area / (1 + area)))


def score_limits(area: float, sizes: Sizes, effect: float, quantile: float) -> tuple[float, float]:
    """Returns the true areas from which the observed one is `quantile` standard errors away.

    Args:
        area: the observed one, 0 to 1.
        sizes: as `model_variance`.
        effect: by which the model's variance is multiplied.
        quantile: of the normal distribution, or of Student's.
    """
    weights = _weights(sizes)

    def beyond(true: float, side: int) -> float:
        return side * (true - area) - quantile * math.sqrt(effect * _variance(true, *weights))

    low = 0.0 if area <= 0 else float(brentq(beyond, 0.0, min(area, 1 - CLOSEST), args=(-1,), xtol=1e-13))
    high = 1.0 if area >= 1 else float(brentq(beyond, max(area, CLOSEST), 1.0, args=(1,), xtol=1e-13))
    return low, high


def _design_effect(
    labels: NDArray[np.int64],
    scores: NDArray[np.float64],
    groups: ArrayLike | None,
    folds: ArrayLike | None,
    grouped: Components,
) -> DesignEffect:
    """Returns how many times larger the variance of an area is than that of as many independent images."""
    if groups is None:
        return DesignEffect(1.0, math.inf)
    _, group_of_image, group_count = validated_groups(labels, groups)
    if group_count == len(labels):
        return DesignEffect(1.0, math.inf)
    _, alone = auc_components(labels, scores, None, folds)
    whole = (grouped.malignant + grouped.benign) ** 2
    own = np.bincount(group_of_image, weights=(alone.malignant + alone.benign) ** 2, minlength=len(whole))
    # What images of a group add by agreeing: of a group of one image nothing, so that it says nothing of agreement.
    excess = whole - own
    scatter = float((excess**2).sum() - excess.sum() ** 2 / len(excess))
    freedom = max(1.0, 2 * float(whole.sum()) ** 2 / scatter) if scatter > (NEGLIGIBLE * whole.sum()) ** 2 else math.inf
    return DesignEffect(max(1.0, grouped.variance() / alone.variance()), freedom)


def _independent_sizes(
    labels: NDArray[np.int64], groups: ArrayLike | None, parts: Sequence[NDArray[np.bool_]]
) -> list[tuple[float, float]]:
    """Returns how many independent images each class of each fold has if all images of a group agree."""
    names = np.arange(len(labels)).astype(str) if groups is None else np.asarray(groups).astype(str)
    found = []
    for part in parts:
        counts = [np.unique(names[part & (labels == label)], return_counts=True)[1] for label in (1, 0)]
        malignant, benign = (float(count.sum() ** 2 / (count**2).sum()) for count in counts)
        found.append((malignant, benign))
    return found
