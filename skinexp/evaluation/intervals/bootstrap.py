"""Intervals of all scores at once, from resamples of whole groups.

Whole groups are drawn (see `group_weights`). The limits are percentiles of a score's resamples: the 2.5 and the 97.5,
and a little further out if groups are few (see `tail`). If all resamples have the study's own score there are none
(see `score_limits`).

Average precision, the partial area `pauc_isic2024` and the calibration slope have intervals from leaving groups out
instead (see `jackknife_intervals`): their percentiles hold the truth in 93 % of studies.

The expected calibration error is another exception. It is a sum of absolute values, so noise only adds to it: that of a
resample lies above that of the study, as that lies above the truth, and percentiles may miss the truth always. Its
lower limit is the study's less the 97.5 percentile of what noise alone gives (it cannot be off by more, by the triangle
inequality); it covers more often than it says.

Reference: Davison & Hinkley, Bootstrap Methods and their Application (1997), chapters 3.8 (clusters) and 5.3
(percentile intervals); Hesterberg, The American Statistician 69 (2015) (expanded percentiles).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, stdtrit

from skinexp.evaluation.cases import (
    validated_labels_probabilities,
    validated_labels_scores,
    warn_undefined,
    why_undefined,
)
from skinexp.evaluation.intervals.interval import LEVEL, Interval
from skinexp.evaluation.intervals.jackknife import jackknife_intervals
from skinexp.evaluation.intervals.resampling import CASE_CONTROL, group_weights, validated_groups
from skinexp.evaluation.metrics.probability_scores import NOISE
from skinexp.evaluation.metrics.weighted_metrics import RATES, RECALLS, Scorer, WeightedMetric

RESAMPLES = 2_000

ROUNDING = 1e-9, 1e-12  # relative to a score, and in itself: resamples that differ by less are the same
MOST_UNDEFINED = 0.05  # share of resamples without a score beyond which there is no interval of it


@dataclass(frozen=True)
class Bootstrap:
    """Intervals, resamples and bands of a model's scores.

    Attributes:
        intervals: score -> `Interval`.
        jackknifed: the scores whose interval is not from resamples but from `jackknife_intervals`.
        replicates: score -> (resamples,) its value in each; NaN if undefined there.
        roc_band: columns `false_positive_rate`, `sensitivity`, `low`, `high`; point by point, not for the whole curve
            at once.
        precision_recall_band: columns `recall`, `precision`, `low`, `high`.
    """

    intervals: dict[str, Interval]
    jackknifed: frozenset[str]
    replicates: dict[str, NDArray[np.float64]]
    roc_band: pd.DataFrame
    precision_recall_band: pd.DataFrame


class Resampling(NamedTuple):
    """The resamples of a bootstrap: how many there are, the seed of their draws, and what a study fixes."""

    resamples: int = RESAMPLES
    seed: int = 0
    sampling: str = CASE_CONTROL


DEFAULT_RESAMPLING = Resampling()


def bootstrap(
    labels: ArrayLike,
    logits: ArrayLike,
    probabilities: ArrayLike,
    groups: ArrayLike,
    metrics: Mapping[str, float | WeightedMetric],
    resampling: Resampling = DEFAULT_RESAMPLING,
    folds: ArrayLike | None = None,
) -> Bootstrap:
    """Returns 95 % intervals of all scores and curves by a cluster bootstrap; of case-control studies, by class.

    Memory is bounded: resamples come in chunks.

    Args:
        labels: (n,) array of 0/1.
        logits: (n,) what images are ranked by.
        probabilities: (n,) array in 0..1.
        groups: (n,) names of lesions or patients: images that must not be taken for independent ones.
        metrics: suffix -> threshold, for example `{"": 0.5, "_youden": 0.31}`: `recall_youden` is then a score; or a
            metric of other probabilities of the same images, e.g. calibrated ones.
        resampling: how many resamples there are, their seed, and whether the number of malignant cases is fixed.
        folds: (n,) numbers of the folds of a cross-validation: see `Scorer`.

    Returns:
        A `Bootstrap`, whose scores are those of `ranking_scores`, `probability_scores` and, for each threshold,
        `threshold_scores` and `net_benefit`. It is empty, with a warning, if a class is absent or a logit or a
        probability is not finite. Limits are NaN if over 5 % of the resamples lack the score, or none has another.

    Raises:
        ValueError: if a label or probability is out of range, the lengths differ, or a group has no name.
    """
    label_array, logit_array = validated_labels_scores(labels, logits)
    _, probability_array = validated_labels_probabilities(labels, probabilities)
    if reason := why_undefined(label_array, logit_array) or why_undefined(label_array, probability_array):
        warn_undefined("every bootstrap interval", reason)
        undefined = _bands(np.full((3, len(RATES)), np.nan), np.full((3, len(RECALLS)), np.nan))
        return Bootstrap({}, frozenset(), {}, *undefined)
    scorer, beyond = Scorer(label_array, logit_array, probability_array, metrics, folds), tail(label_array, groups)
    estimates, *curves = scorer.with_curves(np.ones((1, len(label_array))))
    resamples, seed, sampling = resampling
    weightings = group_weights(label_array, groups, resamples, seed, folds, sampling)
    chunks = [scorer.with_curves(weights) for weights in weightings]
    replicates = {name: np.concatenate([scores[name] for scores, *_ in chunks]) for name in estimates}
    intervals = _percentile_intervals(estimates, replicates, beyond)
    known = {name: interval.estimate for name, interval in intervals.items()}
    smooth = jackknife_intervals(scorer, known, label_array, groups, sampling)
    kept = {name: values for name, values in replicates.items() if not name.startswith(NOISE)}
    return Bootstrap(intervals | smooth, frozenset(smooth), kept, *_bands(*_limits_of_curves(curves, chunks, beyond)))


def _limits_of_curves(
    curves: Sequence[NDArray[np.float64]], chunks: Sequence[Sequence[Any]], beyond: float
) -> list[NDArray[np.float64]]:
    """Returns (3, points) of each curve: that of all images, and the limits of its resamples.

    Args:
        curves: (1, points) each.
        chunks: for some resamples, their scores and then (some, points) of each curve.
        beyond: share of resamples on either side.
    """
    resampled = [np.concatenate([chunk[1 + which] for chunk in chunks]) for which in range(len(curves))]
    return [np.stack([curve[0], *limits(values, beyond)]) for curve, values in zip(curves, resampled, strict=True)]


def _percentile_intervals(
    estimates: Mapping[str, NDArray[np.float64]], replicates: Mapping[str, NDArray[np.float64]], beyond: float
) -> dict[str, Interval]:
    """Returns an interval a score; that of the expected calibration error takes what noise alone gives.

    Args:
        estimates: score -> (1,) its value of all images.
        replicates: score -> (resamples,) its values.
        beyond: share of resamples on either side.
    """
    intervals = {
        name: Interval(float(estimates[name][0]), *score_limits(float(estimates[name][0]), values, beyond))
        for name, values in replicates.items()
    }
    for name in [name for name in intervals if name.startswith(NOISE)]:
        most = intervals.pop(name).high
        error = intervals[name.replace(NOISE, "ece")]
        has_limits = not (math.isnan(error.high) or math.isnan(most))
        intervals[name.replace(NOISE, "ece")] = error._replace(
            low=max(0.0, error.estimate - most) if has_limits else math.nan, high=error.high if has_limits else math.nan
        )
    return intervals


def tail(labels: ArrayLike, groups: ArrayLike) -> float:
    """Returns the share of resamples beyond either limit: below 0.025, which it nears as groups grow in number.

    Resamples of n groups vary by (n - 1) / n of what studies do, and how much studies vary is itself known from n
    groups only. The smaller of the two kinds of groups counts.
    """
    label_array, group_of_image, group_count = validated_groups(labels, groups)
    malignant = np.bincount(group_of_image, weights=label_array, minlength=group_count) > 0
    kinds = [int(kind.sum()) for kind in (malignant, ~malignant) if kind.sum() > 1]
    if not kinds:
        return (1 - LEVEL) / 2
    fewest = min(kinds)
    return float(ndtr(-math.sqrt(fewest / (fewest - 1)) * stdtrit(fewest - 1, (1 + LEVEL) / 2)))


def score_limits(estimate: float, replicates: NDArray[np.float64], beyond: float) -> tuple[float, float]:
    """Returns the `limits` of one score; NaN if hardly a resample has another score than the study.

    Predictions that are all correct, or all the same, are so in whatever way images are drawn. That shows nothing of
    how far off the score is: percentiles would make a model certain that was tested on five images.

    Args:
        estimate: what all images give.
        replicates: (resamples,) values, NaN if undefined.
        beyond: share of resamples on either side.
    """
    relative, absolute = ROUNDING
    known = replicates[~np.isnan(replicates)]
    if np.allclose(known, estimate, rtol=relative, atol=absolute):
        return math.nan, math.nan
    low, high = (float(limit) for limit in limits(replicates, beyond))
    # So few resamples have another score that both percentiles are the same: an interval without a width.
    return (math.nan, math.nan) if math.isclose(low, high, rel_tol=relative, abs_tol=absolute) else (low, high)


def limits(
    replicates: NDArray[np.float64], beyond: float = (1 - LEVEL) / 2
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns the percentiles that bound the middle of the resamples.

    Args:
        replicates: (resamples, ...) values, NaN if undefined.
        beyond: share of resamples on either side: see `tail`.

    Returns:
        Low and high, of the shape of one resample; NaN if more than 5 % are NaN: what is left would be a selection.
    """
    undefined = np.isnan(replicates)
    enough = undefined.mean(axis=0) <= MOST_UNDEFINED
    quantiles = np.full((2, *replicates.shape[1:]), math.nan)
    kept = replicates[..., enough] if replicates.ndim > 1 else replicates
    if enough.any():
        tails = [beyond, 1 - beyond]
        some_undefined = np.isnan(kept).any()
        quantiles[..., enough] = (np.nanquantile if some_undefined else np.quantile)(kept, tails, axis=0).reshape(
            quantiles[..., enough].shape
        )
    return quantiles[0], quantiles[1]


def _bands(roc: NDArray[np.float64], precision_recall: NDArray[np.float64]) -> tuple[pd.DataFrame, pd.DataFrame]:
    return (
        pd.DataFrame({"false_positive_rate": RATES, "sensitivity": roc[0], "low": roc[1], "high": roc[2]}),
        pd.DataFrame(
            {
                "recall": RECALLS,
                "precision": precision_recall[0],
                "low": precision_recall[1],
                "high": precision_recall[2],
            }
        ),
    )
