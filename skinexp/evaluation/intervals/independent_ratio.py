"""The ratio of two shares of different images, with limits from those of both."""

import math

from skinexp.evaluation.intervals.interval import UNDEFINED, Interval


def independent_ratio(upper: Interval, lower: Interval) -> Interval:
    """Returns the ratio of two independent shares with its 95 % interval from those of both (MOVER).

    Args:
        upper: the numerator with its limits, each in 0..1.
        lower: the denominator, likewise.

    Returns:
        The ratio and its limits. It is infinite if the denominator alone is 0, and NaN if both are 0 or one is NaN.

    Reference: Donner & Zou, Statistical Methods in Medical Research 21 (2012); Newcombe, Statistical Methods in Medical
    Research 25 (2016).
    """
    a, b = upper.estimate, lower.estimate
    if math.isnan(a) or math.isnan(b):
        return UNDEFINED
    estimate = a / b if b > 0 else (math.inf if a > 0 else math.nan)
    below = _lower_limit(b, a, lower.low * (2 * b - lower.low), upper.high * (2 * a - upper.high))
    return Interval(
        estimate,
        _lower_limit(a, b, upper.low * (2 * a - upper.low), lower.high * (2 * b - lower.high)),
        1 / below if below > 0 else math.inf,
    )


def _lower_limit(a: float, b: float, low_a: float, high_b: float) -> float:
    """Returns the lower limit of a / b: the root of a quadratic, in a form that never divides by a difference."""
    if low_a <= 0:
        return 0.0
    return low_a / (a * b + math.sqrt(max(0.0, (a * b) ** 2 - low_a * high_b)))
