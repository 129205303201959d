"""Probabilities, predictive values and net benefit if malignant lesions are rarer, or more frequent, than in the data.

Data sets are enriched: half of the lesions is malignant where it is one in fifty in practice. A probability that is
calibrated on such a set is no risk in practice. Bayes' rule shifts it: its odds are multiplied by the ratio of the odds
of both prevalences (Saerens et al., Neural Computation 14, 2002). This presumes that malignant lesions look the same in
both populations, and benign ones too.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skinexp.evaluation.intervals.independent_ratio import independent_ratio
from skinexp.evaluation.intervals.interval import Interval, complement


def validate_prevalence(prevalence: float) -> None:
    """Refuses a prevalence that is not between 0 and 1.

    Raises:
        ValueError: naming the value.
    """
    if not 0 < prevalence < 1:
        raise ValueError(f"prevalence: must lie between 0 and 1. Received: {prevalence}")


def probabilities_at_prevalence(probabilities: ArrayLike, reference: float, prevalence: float) -> NDArray[np.float64]:
    """Returns the risks, in a population of a stated prevalence, that belong to calibrated probabilities.

    A threshold of such probabilities is shifted in the same way. The order of images stays.

    Args:
        probabilities: of any shape, calibrated on images with the prevalence `reference`. What lies above 1 (the
            threshold of a rule that predicts nothing malignant) stays as it is.
        reference: share of malignant images among those that the probabilities were calibrated on, 0 to 1; NaN if it
            is unknown.
        prevalence: share of malignant lesions in the population, 0 to 1, exclusive.

    Returns:
        Probabilities of the same shape; NaN if the reference is NaN, 0 or 1: no ratio of odds leads from there.

    Raises:
        ValueError: if the prevalence is not between 0 and 1.
    """
    validate_prevalence(prevalence)
    values = np.asarray(probabilities, dtype=np.float64)
    if not 0 < reference < 1:
        return np.full(values.shape, np.nan)
    ratio = prevalence / (1 - prevalence) * (1 - reference) / reference
    inside = np.minimum(values, 1.0)
    return np.where(values > 1, values, ratio * inside / (ratio * inside + 1 - inside))


def at_prevalence(
    sensitivity: Interval, specificity: Interval, prevalence: float, risk_threshold: float
) -> dict[str, Interval]:
    """Returns predictive values and net benefit among patients of a stated prevalence.

    Sensitivity and specificity carry over from the data set to these patients, predictive values do not.

    Intervals follow from Wilson's limits of sensitivity and specificity, which come from different images and are
    taken for independent, by MOVER (the method of variance estimates recovery): it needs no resamples, and keeps a
    width where no benign image was predicted malignant. They do not include the uncertainty of the prevalence.

    Args:
        sensitivity: with its limits, each in 0..1.
        specificity: likewise.
        prevalence: share of malignant lesions, 0 to 1, exclusive.
        risk_threshold: the risk among these patients from which on a lesion should be excised: its odds are the price
            of a false positive in the net benefit. A threshold of probabilities that were calibrated on another
            prevalence has to be shifted first: see `probabilities_at_prevalence`. NaN if it is unknown.

    Returns:
        `ppv`, `npv`, `net_benefit`; NaN if sensitivity or specificity is, a predictive value also where nothing is
        predicted so, and the net benefit at a risk threshold that is NaN, or 1 or more.

    Raises:
        ValueError: if the prevalence is not between 0 and 1.

    Reference: Newcombe, Statistical Methods in Medical Research 25 (2016), for the ratios; Vickers & Elkin, Medical
    Decision Making 26 (2006), for the net benefit.
    """
    validate_prevalence(prevalence)
    odds = prevalence / (1 - prevalence)
    found, missed = sensitivity, complement(sensitivity)
    spared, alarmed = specificity, complement(specificity)
    return {
        "ppv": Interval(*(_share(odds, ratio) for ratio in independent_ratio(found, alarmed))),
        "npv": Interval(*(_share(1 / odds, ratio) for ratio in independent_ratio(spared, missed))),
        "net_benefit": _benefit(found, alarmed, prevalence, risk_threshold),
    }


def _share(odds: float, ratio: float) -> float:
    """Returns the probability after a finding, from the odds before and the likelihood ratio of the finding."""
    return 1.0 if math.isinf(ratio) else odds * ratio / (1 + odds * ratio)


def _benefit(found: Interval, alarmed: Interval, prevalence: float, risk_threshold: float) -> Interval:
    if math.isnan(found.estimate) or math.isnan(alarmed.estimate) or not 0 <= risk_threshold < 1:
        return Interval(math.nan, math.nan, math.nan)
    price = (1 - prevalence) * risk_threshold / (1 - risk_threshold)
    estimate = prevalence * found.estimate - price * alarmed.estimate
    down = math.hypot(prevalence * (found.estimate - found.low), price * (alarmed.high - alarmed.estimate))
    up = math.hypot(prevalence * (found.high - found.estimate), price * (alarmed.estimate - alarmed.low))
    return Interval(estimate, estimate - down, estimate + up)
