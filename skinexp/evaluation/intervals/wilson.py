"""Wilson's interval of a proportion, for independent images and for images that come in groups."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
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


def grouped_wilson(successes: ArrayLike, groups: ArrayLike, quantile: float = QUANTILE) -> Interval:
    """Returns Wilson's interval of a share of images that come in groups.

    Ten images of one lesion are not independent. The number of images is divided by the design effect: how many times
    larger the variance of the share is than that of independent images. If no group has two images, this is
    Wilson's own interval. The design effect is never taken below 1: that groups disagree more than chance would have
    them is chance. It is an estimate itself, from few groups where few images fail: the quantile is Student's, with as
    many degrees of freedom as the scatter of the groups' squares allows (Satterthwaite).

    Args:
        successes: (n,) array of 0/1, an image each.
        groups: (n,) names of groups.
        quantile: of the normal distribution.

    Returns:
        The share of successes and its limits; NaN without images.

    Raises:
        ValueError: if a success is neither 0 nor 1, the lengths differ, or a group has no name.

    Reference: Rao & Scott, Biometrics 48 (1992).
    """
    hits, group_of_image, group_count = validated_groups(successes, groups)
    images = len(hits)
    if images == 0:
        return Interval(math.nan, math.nan, math.nan)
    share = float(hits.mean())
    effect, factor = 1.0, quantile
    if 1 < group_count < images:
        # Deviation of each group's successes from what its size lets expect: of a ratio, to first order.
        surplus = np.bincount(group_of_image, weights=hits - share, minlength=group_count).astype(float)
        variance = group_count / (group_count - 1) * float((surplus**2).sum()) / images**2
        sizes = np.bincount(group_of_image, minlength=group_count)
        independent = share * (1 - share) / images
        # If all succeed or none does, agreement in groups cannot be seen: the worst is that each counts as one image.
        effect = max(1.0, variance / independent) if independent > 0 else float((sizes**2).sum() / images)
        factor = _students(surplus**2, quantile)
    elif group_count == 1:
        effect = float(images)
    return wilson(share * images / effect, images / effect, factor)


def _students(squares: NDArray[np.float64], quantile: float) -> float:
    """The quantile of Student's distribution at the same level, for a variance that is the mean of these squares."""
    scatter = float((squares**2).sum() - squares.sum() ** 2 / len(squares))
    # Squares that are all the same, as those of a share of all or none, leave no doubt about their mean.
    if scatter <= 0:
        return quantile
    freedom = max(1.0, 2 * float(squares.sum()) ** 2 / scatter)
    return float(stdtrit(freedom, float(ndtr(quantile))))
