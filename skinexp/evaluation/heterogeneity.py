"""Heterogeneity of the ROC-AUC over several external sets, and their random-effects mean for those who ask for it.

Areas are compared on the logit scale, with the standard errors that their 95 % intervals have there: an area near 1 has
a short interval above it and a long one below.

References: Cochran, Biometrics 10 (1954); Higgins & Thompson, Statistics in Medicine 21 (2002) 1539-1558 (I² and its
test-based interval); DerSimonian & Laird, Controlled Clinical Trials 7 (1986); Hartung & Knapp, Statistics in Medicine
20 (2001), never narrower than without their factor (Röver et al., BMC Medical Research Methodology 15 (2015)); Higgins
et al., Journal of the Royal Statistical Society A 172 (2009) (prediction interval); Debray et al., BMJ 356 (2017) i6460
(validations of prediction models).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import chi2, t

from skinexp.evaluation.intervals.interval import LEVEL, QUANTILE, UNDEFINED, Interval

FEWEST_FOR_PREDICTION = 3  # sets: with two, the deviation between sets has one degree of freedom at most


@dataclass(frozen=True)
class Heterogeneity:
    """How much the areas of several sets differ.

    Attributes:
        sets: how many have an area with an interval.
        lowest, highest: of the areas; NaN without sets.
        q: Cochran's Q; NaN with fewer than two sets, or if an area is 0 or 1, as all that follow.
        freedom: its degrees of freedom.
        p_value: of Q, if all true areas are equal.
        i_squared: the share of the variation of the areas that is more than sampling variation, 0 to 1.
        i_low, i_high: its 95 % interval; NaN if it is not defined, as with two sets that agree.
    """

    sets: int
    lowest: float = math.nan
    highest: float = math.nan
    q: float = math.nan
    freedom: int = 0
    p_value: float = math.nan
    i_squared: float = math.nan
    i_low: float = math.nan
    i_high: float = math.nan


@dataclass(frozen=True)
class PooledArea:
    """The random-effects mean of the areas of several sets.

    Attributes:
        mean: with its 95 % interval (Hartung & Knapp).
        prediction: the 95 % interval of the true area in another set of this kind; NaN with fewer than three sets.
        tau: standard deviation of the true areas between sets, on the logit scale (DerSimonian & Laird).
    """

    mean: Interval
    prediction: Interval
    tau: float


def heterogeneity(areas: Sequence[Interval]) -> Heterogeneity:
    """Returns how much areas differ.

    Args:
        areas: of the sets, each with its 95 % interval; the sets share no image. Those that are NaN are left out.
    """
    known = _known(areas)
    estimates = [area.estimate for area in known]
    if not known:
        return Heterogeneity(0)
    found = Heterogeneity(len(known), min(estimates), max(estimates))
    if len(known) < 2 or (scale := _on_logit_scale(known)) is None:
        return found
    values, errors = scale
    q, freedom = _q(values, errors), len(known) - 1
    low, high = _i_squared_interval(q, len(known))
    share = max(0.0, (q - freedom) / q) if q > 0 else 0.0
    return Heterogeneity(
        len(known), min(estimates), max(estimates), q, freedom, float(chi2.sf(q, freedom)), share, low, high
    )


def pooled_area(areas: Sequence[Interval]) -> PooledArea:
    """Returns the random-effects mean of the areas; NaN with fewer than two sets, or if an area is 0 or 1.

    Args:
        areas: as `heterogeneity`.
    """
    known = _known(areas)
    if len(known) < 2 or (scale := _on_logit_scale(known)) is None:
        return PooledArea(UNDEFINED, UNDEFINED, math.nan)
    values, errors = scale
    sets, weights = len(known), 1 / errors**2
    excess = _q(values, errors) - (sets - 1)
    tau_squared = max(0.0, excess / float(weights.sum() - (weights**2).sum() / weights.sum()))
    weights = 1 / (errors**2 + tau_squared)
    mean = float((weights * values).sum() / weights.sum())
    factor = float((weights * (values - mean) ** 2).sum()) / (sets - 1)
    error = math.sqrt(max(1.0, factor) / float(weights.sum()))
    prediction = UNDEFINED
    if sets >= FEWEST_FOR_PREDICTION:
        prediction = _back(mean, math.sqrt(tau_squared + error**2), sets - 2)
    return PooledArea(_back(mean, error, sets - 1), prediction, math.sqrt(tau_squared))


def _known(areas: Sequence[Interval]) -> list[Interval]:
    return [area for area in areas if not any(map(math.isnan, area))]


def _on_logit_scale(areas: Sequence[Interval]) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Returns the logits of the areas and their standard errors; None if an area or a limit is 0 or 1."""
    table = np.array(areas, dtype=np.float64)
    if ((table <= 0) | (table >= 1)).any():
        return None
    logits = logit(table)
    return logits[:, 0], (logits[:, 2] - logits[:, 1]) / (2 * QUANTILE)


def _q(values: NDArray[np.float64], errors: NDArray[np.float64]) -> float:
    weights = 1 / errors**2
    mean = (weights * values).sum() / weights.sum()
    return float((weights * (values - mean) ** 2).sum())


def _i_squared_interval(q: float, sets: int) -> tuple[float, float]:
    """Returns the test-based 95 % interval of I² by Higgins & Thompson."""
    if q > sets:
        error = 0.5 * (math.log(q) - math.log(sets - 1)) / (math.sqrt(2 * q) - math.sqrt(2 * sets - 3))
    elif sets > 2:
        error = math.sqrt(1 / (2 * (sets - 2)) * (1 - 1 / (3 * (sets - 2) ** 2)))
    else:
        return math.nan, math.nan
    h = math.sqrt(max(1.0, q / (sets - 1)))  # H is at least 1, where I² is 0
    limits = (h * math.exp(side * QUANTILE * error) for side in (-1, 1))
    low, high = (max(0.0, (limit**2 - 1) / limit**2) for limit in limits)
    return low, high


def _back(mean: float, error: float, freedom: int) -> Interval:
    half = float(t.ppf((1 + LEVEL) / 2, freedom)) * error
    return Interval(*(float(expit(value)) for value in (mean, mean - half, mean + half)))
