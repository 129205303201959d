"""Precision planning: the width of the 95 % interval of an area before there are scores, and the cases that it needs.

With a planned area, Newcombe's interval depends on nothing but the numbers of malignant and benign images: its variance
is Hanley & McNeil's, of a model. So its width is known before a network is trained, and can be solved for the numbers.
If images come in groups, how much images of a group agree is not known before. Two numbers bound it: all images if they
do not agree, and Kish's effective number if they agree entirely, as which each group counts like one image.

References: Hanley & McNeil, Radiology 143 (1982) 29-36; Newcombe, Statistics in Medicine 25 (2006) 559-573, method 5;
Kish, Survey Sampling (1965).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from skinexp.evaluation.cases import validated_labels_scores
from skinexp.evaluation.intervals.interval import QUANTILE, UNDEFINED, Interval
from skinexp.evaluation.intervals.newcombe import score_limits

FEWEST, MOST = 1e-6, 1e7  # images of the larger class between which a width is solved for


@dataclass(frozen=True)
class Cases:
    """How many malignant and benign images there are; effective numbers need not be whole."""

    malignant: float
    benign: float

    @property
    def has_both(self) -> bool:
        """Whether an area is defined."""
        return self.malignant > 0 and self.benign > 0

    def times(self, factor: float) -> "Cases":
        """Returns so many times these images, each number rounded up."""
        return Cases(math.ceil(factor * self.malignant - 1e-6), math.ceil(factor * self.benign - 1e-6))


def cases_of(labels: ArrayLike) -> Cases:
    """Returns how many images of each class there are.

    Args:
        labels: (n,) array of 0/1.
    """
    array = np.asarray(labels)
    return Cases(int((array == 1).sum()), int((array == 0).sum()))


def effective_cases(labels: ArrayLike, groups: ArrayLike) -> Cases:
    """Returns how many independent images of each class there are if all images of a group agree (Kish).

    Args:
        labels: (n,) array of 0/1.
        groups: (n,) names of lesions or patients.

    Returns:
        (sum of sizes)^2 / (sum of squared sizes) over the groups of each class; 0 for a class without images.

    Raises:
        ValueError: if a label is not 0 or 1, or the lengths differ.
    """
    names = np.asarray(groups).astype(str)
    array, _ = validated_labels_scores(labels, np.zeros(names.shape))
    numbers = []
    for label in (1, 0):
        sizes = np.unique(names[array == label], return_counts=True)[1]
        numbers.append(float(sizes.sum() ** 2 / (sizes**2).sum()) if len(sizes) else 0.0)
    return Cases(*numbers)


def planned_interval(area: float, cases: Cases, folds: int = 1) -> Interval:
    """Returns the 95 % interval that an area has if it is found on so many images.

    Args:
        area: the planned one, 0 to 1.
        cases: numbers of images, or effective ones.
        folds: of a cross-validation, each with so many images; the area is the mean of theirs.

    Returns:
        The area and Newcombe's limits; all NaN if a class has no image.
    """
    if not cases.has_both:
        return UNDEFINED
    return Interval(area, *score_limits(area, [(cases.malignant, cases.benign)] * folds, 1.0, QUANTILE))


def width(interval: Interval) -> float:
    """Returns the upper limit of an interval less the lower one."""
    return interval.high - interval.low


def cases_for_width(area: float, wanted: float, cases: Cases, effective: Cases | None = None) -> Cases | None:
    """Returns the smallest multiple of some images whose interval is at most so wide.

    Args:
        area: the planned one, 0 to 1.
        wanted: width of the 95 % interval, above 0.
        cases: numbers of images; both classes grow by the same factor, as if more were collected in the same way.
        effective: as how many independent images they count; without, all are independent.

    Returns:
        The numbers of images; None if a class has no image, or more than ten million were needed.
    """
    if not cases.has_both:
        return None
    counted = effective or cases

    def too_wide(log_factor: float) -> float:
        factor = math.exp(log_factor)
        scaled = Cases(counted.malignant * factor, counted.benign * factor)
        return width(planned_interval(area, scaled)) - wanted

    fewest, most = (math.log(images / max(cases.malignant, cases.benign)) for images in (FEWEST, MOST))
    if too_wide(most) > 0:
        return None
    factor = math.exp(brentq(too_wide, fewest, most, xtol=1e-9))
    return cases.times(factor)
