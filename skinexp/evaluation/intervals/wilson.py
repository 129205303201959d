"""Wilson's interval of a proportion, for independent images and for images that come in groups."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, stdtrit

from skinexp.evaluation.intervals.interval import QUANTILE, Interval
from skinexp.evaluation.intervals.resampling import validated_groups


def wilson(successes: float, trials: float, quantile: float = QUANTILE) -> Interval:
    """Returns Wilson's score interval: it stays within 0..1, and has a width if all trials or none succeed.

    Args:
        successes: how many trials succeeded, 0 to `trials`.
        trials: how many there were; need not be a whole number (an effective sample size is none).
        quantile: of the normal distribution: 1.96 for an interval of 95 %.

    Returns:
        The proportion and its limits; NaN without trials.

    Reference: Wilson, JASA 22 (1927).
    """
    if not trials > 0:
        return Interval(math.nan, math.nan, math.nan)
    share, square = successes / trials, quantile**2
    centre = (share + square / (2 * trials)) / (1 + square / trials)
    half = quantile / (1 + square / trials) * math.sqrt(share * (1 - share) / trials + square / (4 * trials**2))
    # The limits of none and of all are 0 and 1, which rounding would miss.
    low = 0.0 if share == 0 else max(0.0, centre - half)
    high = 1.0 if share == 1 else min(1.0, centre + half)
    return Interval(float(share), low, high)


@dataclass(frozen=True)
class DesignEffect:
    """How many times larger the variance of a score is than that of as many independent images.

    Attributes:
        effect: 1 or more.
        freedom: degrees of freedom of the estimate; infinite if it is no estimate.
    """

    effect: float
    freedom: float

    def quantile(self, normal: float) -> float:
        """Returns the quantile of Student's distribution at the level of a normal one."""
        return normal if math.isinf(self.freedom) else float(stdtrit(self.freedom, float(ndtr(normal))))


def design_effect(successes: ArrayLike, groups: ArrayLike) -> DesignEffect:
    """Returns the design effect of a share of images that come in groups.

    It is never taken below 1: that groups disagree more than chance would have them is chance. Only groups of two or
    more images show whether images of a group agree: the scatter of what these add to the variance decides how well
    the effect is known (Satterthwaite). If no group has two images it is 1, and no estimate.

    Args:
        successes: (n,) array of 0/1, an image each.
        groups: (n,) names of groups.

    Raises:
        ValueError: if a success is neither 0 nor 1, the lengths differ, or a group has no name.

    Reference: Rao & Scott, Biometrics 48 (1992).
    """
    hits, group_of_image, group_count = validated_groups(successes, groups)
    images = len(hits)
    if group_count in (0, 1, images):
        return DesignEffect(float(images) if group_count == 1 else 1.0, math.inf)
    share = float(hits.mean())
    independent = share * (1 - share) * images
    if independent == 0:
        # If all succeed or none does, agreement in groups cannot be seen: the worst is that each counts as one image.
        sizes = np.bincount(group_of_image, minlength=group_count)
        return DesignEffect(float((sizes**2).sum() / images), math.inf)
    # Deviation of each group's successes from what its size lets expect: of a ratio, to first order.
    squares = np.bincount(group_of_image, weights=hits - share, minlength=group_count) ** 2
    variance = group_count / (group_count - 1) * float(squares.sum())
    excess = squares - np.bincount(group_of_image, weights=(hits - share) ** 2, minlength=group_count)
    scatter = float((excess**2).sum() - excess.sum() ** 2 / group_count)
    freedom = max(1.0, 2 * float(squares.sum()) ** 2 / scatter) if scatter > 0 else math.inf
    return DesignEffect(max(1.0, variance / independent), freedom)


def grouped_wilson(successes: ArrayLike, groups: ArrayLike, quantile: float = QUANTILE) -> Interval:
    """Returns Wilson's interval of a share of images that come in groups.

    Ten images of one lesion are not independent. The number of images is divided by the design effect: how many times
    larger the variance of the share is than that of independent images. If no group has two images, this is
    Wilson's own interval. The design effect is an estimate itself, from few groups where few images fail: the quantile
    is Student's.

    Args:
        successes: (n,) array of 0/1, an image each.
        groups: (n,) names of groups.
        quantile: of the normal distribution.

    Returns:
        The share of successes and its limits; NaN without images.

    Raises:
        ValueError: if a success is neither 0 nor 1, the lengths differ, or a group has no name.
    """
    hits = np.asarray(successes)
    design = design_effect(hits, groups)
    if hits.size == 0:
        return Interval(math.nan, math.nan, math.nan)
    images = len(hits) / design.effect
    return wilson(float(hits.mean()) * images, images, design.quantile(quantile))
