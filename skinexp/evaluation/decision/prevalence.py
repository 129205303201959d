"""Predictive values and net benefit if malignant lesions are rarer, or more frequent, than in the test set."""

import math

from skinexp.evaluation.intervals.interval import Interval


def validate_prevalence(prevalence: float) -> None:
    """Refuses a prevalence that is not between 0 and 1.

    Raises:
        ValueError: naming the value.
    """
    if not 0 < prevalence < 1:
        raise ValueError(f"prevalence: must lie between 0 and 1. Received: {prevalence}")


def at_prevalence(
    sensitivity: Interval, specificity: Interval, prevalence: float, threshold: float
) -> dict[str, Interval]:
    """Returns predictive values and net benefit among patients of a stated prevalence.

    Test sets are enriched: a third of the lesions is malignant where it is one in a hundred in practice. Sensitivity
    and specificity carry over, predictive values do not.

    Intervals follow from Wilson's limits of sensitivity and specificity, which come from different images and are
    taken for independent, by MOVER (the method of variance estimates recovery): it needs no resamples, and keeps a
    width where no benign image was predicted malignant. They do not include the uncertainty of the prevalence.

    Args:
        sensitivity: with its limits, each in 0..1.
        specificity: likewise.
        prevalence: share of malignant lesions, 0 to 1, exclusive.
        threshold: the probability from which on lesions are predicted malignant, as the price in the net benefit.

    Returns:
        `ppv`, `npv`, `net_benefit`; NaN if sensitivity or specificity is, a predictive value also where nothing is
        predicted so, and the net benefit at a threshold of 1 or more.

    Raises:
        ValueError: if the prevalence is not between 0 and 1.

    Reference: Newcombe, Statistical Methods in Medical Research 25 (2016), for the ratios; Vickers & Elkin, Medical
    Decision Making 26 (2006), for the net benefit.
    """
    validate_prevalence(prevalence)
    odds = prevalence / (1 - prevalence)
    found, missed = sensitivity, _complement(sensitivity)
    spared, alarmed = specificity, _complement(specificity)
    return {
        "ppv": Interval(*(_share(odds, ratio) for ratio in _ratio(found, alarmed))),
        "npv": Interval(*(_share(1 / odds, ratio) for ratio in _ratio(spared, missed))),
        "net_benefit": _benefit(found, alarmed, prevalence, threshold),
    }


def _complement(share: Interval) -> Interval:
    return Interval(1 - share.estimate, 1 - share.high, 1 - share.low)


def _share(odds: float, ratio: float) -> float:
    """Returns the probability after a finding, from the odds before and the likelihood ratio of the finding."""
    return 1.0 if math.isinf(ratio) else odds * ratio / (1 + odds * ratio)


def _ratio(upper: Interval, lower: Interval) -> Interval:
    """Returns the ratio of two independent shares, in a form that never divides by a difference that may be 0."""
    a, b = upper.estimate, lower.estimate
    if math.isnan(a) or math.isnan(b):
        return Interval(math.nan, math.nan, math.nan)
    estimate = a / b if b > 0 else (math.inf if a > 0 else math.nan)
    return Interval(
        estimate,
        _ratio_limit(a, b, upper.low * (2 * a - upper.low), lower.high * (2 * b - lower.high)),
        1 / below
        if (below := _ratio_limit(b, a, lower.low * (2 * b - lower.low), upper.high * (2 * a - upper.high))) > 0
        else math.inf,
    )


def _ratio_limit(a: float, b: float, low_a: float, high_b: float) -> float:
    """Returns the lower limit of a / b: the root of a quadratic, written without its cancellation."""
    if low_a <= 0:
        return 0.0
    return low_a / (a * b + math.sqrt(max(0.0, (a * b) ** 2 - low_a * high_b)))


def _benefit(found: Interval, alarmed: Interval, prevalence: float, threshold: float) -> Interval:
    if math.isnan(found.estimate) or math.isnan(alarmed.estimate) or not 0 <= threshold < 1:
        return Interval(math.nan, math.nan, math.nan)
    price = (1 - prevalence) * threshold / (1 - threshold)
    estimate = prevalence * found.estimate - price * alarmed.estimate
    down = math.hypot(prevalence * (found.estimate - found.low), price * (alarmed.high - alarmed.estimate))
    up = math.hypot(prevalence * (found.high - found.estimate), price * (alarmed.estimate - alarmed.low))
    return Interval(estimate, estimate - down, estimate + up)
