"""The difference of two scores on different images."""

import math

from skinexp.evaluation.intervals.interval import Interval


def independent_difference(a: Interval, b: Interval) -> Interval:
    """Returns the first score less the second, with its 95 % interval from those of both, on independent images.

    Each limit is as far from the difference as the two limits that make it are from their scores, added as the legs of
    a right angle are. For two proportions with Wilson's intervals this is Newcombe's method 10.

    References: Newcombe, Statistics in Medicine 17 (1998) 873-890; Zou & Donner, Statistics in Medicine 27 (2008).
    """
    difference = a.estimate - b.estimate
    low = difference - math.hypot(a.estimate - a.low, b.high - b.estimate)
    high = difference + math.hypot(a.high - a.estimate, b.estimate - b.low)
    return Interval(difference, low, high)
