"""Intervals of the sensitivity at a fixed specificity, and of the specificity at a fixed sensitivity.

Two things are uncertain: how many images of the one class a threshold would find among others, and where the threshold
of the fixed rate is, which the images of the other class say. With 8 malignant images and a sensitivity of 90 % the
threshold may well be below all of them: nothing bounds the specificity there, and resamples, which can only repeat the
eight, cover in 40 to 70 % of studies. Here both uncertainties are added as MOVER adds them: that of the share by
Wilson's interval, that of the threshold by order statistics. If these do not bound it there is no interval.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr
from scipy.stats import binom

from skinexp.evaluation.cases import validated_labels_scores
from skinexp.evaluation.intervals.interval import QUANTILE, Interval
from skinexp.evaluation.intervals.wilson import design_effect, grouped_wilson

FIXED = {  # score -> the class whose rate is fixed, and the rate
    "sensitivity_at_90_specificity": (0, 0.90),
    "sensitivity_at_95_specificity": (0, 0.95),
    "specificity_at_90_sensitivity": (1, 0.90),
    "specificity_at_95_sensitivity": (1, 0.95),
}


def fixed_rate_interval(
    score: str, estimate: float, labels: ArrayLike, scores: ArrayLike, groups: ArrayLike, quantile: float = QUANTILE
) -> Interval:
    """Returns the 95 % interval of the rate of one class at a fixed rate of the other.

    Args:
        score: a key of `FIXED`.
        estimate: what it is of these images.
        labels: (n,) array of 0/1, both classes.
        scores: (n,) finite numbers.
        groups: (n,) names of lesions or patients.
        quantile: of the normal distribution: 1.96 for 95 %.

    Returns:
        The estimate and its limits; NaN limits if the images of the fixed class do not bound the threshold.

    Raises:
        ValueError: if a label is not 0 or 1, the lengths differ, or a group has no name.

    Reference: Zou & Donner, Statistics in Medicine 27 (2008), for MOVER; David & Nagaraja, Order Statistics (2003),
    chapter 7.1, for the limits of a quantile.
    """
    label_array, score_array = validated_labels_scores(labels, scores)
    fixed_class, rate = FIXED[score]
    # The specificity at a fixed sensitivity is the sensitivity at a fixed specificity of the classes exchanged.
    sided = score_array if fixed_class == 0 else -score_array
    fixed = label_array == fixed_class
    reference, measured = np.sort(sided[fixed])[::-1], sided[~fixed]
    groups = np.asarray(groups)
    undefined = Interval(estimate, math.nan, math.nan)
    low_rank, high_rank = _ranks(reference, groups[fixed], sided[fixed], 1 - rate, quantile)
    if low_rank < 1:
        return undefined
    # With at least so many images of the fixed class above the threshold, it is at most the last of these.
    least = float((measured > reference[low_rank - 1]).mean())
    most = float((measured >= reference[high_rank]).mean()) if high_rank < len(reference) else 1.0
    share = grouped_wilson(measured >= _threshold(measured, estimate), groups[~fixed], quantile)
    low = estimate - math.hypot(estimate - min(share.low, estimate), estimate - min(least, estimate))
    high = estimate + math.hypot(max(share.high, estimate) - estimate, max(most, estimate) - estimate)
    return Interval(estimate, max(0.0, low), min(1.0, high))


def _ranks(
    reference: NDArray[np.float64],
    groups: NDArray[np.str_],
    scores: NDArray[np.float64],
    beyond: float,
    quantile: float,
) -> tuple[int, int]:
    """Returns how many images of the fixed class lie beyond the threshold of the fixed rate, at least and at most.

    Args:
        reference: (n,) scores of the fixed class, falling.
        groups: (n,) of the fixed class, in the order of `scores`.
        scores: (n,) of the fixed class.
        beyond: share of the class that lies beyond the threshold.
        quantile: of the normal distribution.
    """
    images = len(reference)
    # How far images of a group agree is an estimate that may be too low: there have to be at least half as many groups
    # as there would have to be independent images.
    needed = math.log(float(ndtr(-quantile))) / math.log(1 - beyond)
    if len(np.unique(groups)) < needed / 2:
        return 0, images
    place = min(images - 1, int(beyond * images))
    design = design_effect(scores > reference[place], groups)
    independent = max(1, math.floor(images / design.effect))
    tail = float(ndtr(-design.quantile(quantile)))
    least, most = (float(binom.ppf(share, independent, beyond)) for share in (tail, 1 - tail))
    return math.floor(least * images / independent), math.ceil(most * images / independent)


def _threshold(measured: NDArray[np.float64], share: float) -> float:
    """Returns the score from which on the share of images lies."""
    above = round(share * len(measured))
    return float(np.sort(measured)[::-1][above - 1]) if above else math.inf
