"""The difference of two scores with limits from those of both: on different images, or on the same."""

import math
from collections.abc import Sequence

from skinexp.evaluation.intervals.interval import Interval


def independent_difference(a: Interval, b: Interval) -> Interval:
    """Returns the first score less the second, with its 95 % interval from those of both, on independent images.

    Each limit is as far from the difference as the two limits that make it are from their scores, added as the legs of
    a right angle are. For two proportions with Wilson's intervals this is Newcombe's method 10.

    References: Newcombe, Statistics in Medicine 17 (1998) 873-890; Zou & Donner, Statistics in Medicine 27 (2008).
    """
    return dependent_difference(a, b, 0.0)


def dependent_difference(a: Interval, b: Interval, correlation: float) -> Interval:
    """Returns the same for scores whose estimates are correlated, as those of two models on the same images are.

    The legs are then those of the angle whose cosine is the correlation (MOVER).

    Args:
        a: the first score with its limits.
        b: the second.
        correlation: of both estimates, -1 to 1.

    Reference: Zou, Psychological Methods 12 (2007), for differences of dependent estimates.
    """
    difference = a.estimate - b.estimate
    low = difference - _third_side(a.estimate - a.low, b.high - b.estimate, correlation)
    high = difference + _third_side(a.high - a.estimate, b.estimate - b.low, correlation)
    return Interval(difference, low, high)


def _third_side(one: float, other: float, cosine: float) -> float:
    if cosine == 0:
        return math.hypot(one, other)
    square = one**2 + other**2 - 2 * cosine * one * other
    return math.nan if math.isnan(square) else math.sqrt(max(0.0, square))


def independent_mean(parts: Sequence[Interval]) -> Interval:
    """Returns the mean of scores on different images, with its 95 % interval from those of all (MOVER).

    Reference: Zou & Donner, Statistics in Medicine 27 (2008).
    """
    estimate = sum(part.estimate for part in parts) / len(parts)
    down = math.hypot(*(part.estimate - part.low for part in parts)) / len(parts)
    up = math.hypot(*(part.high - part.estimate for part in parts)) / len(parts)
    return Interval(estimate, estimate - down, estimate + up)
