"""Confidence bands of smooth calibration curves, and intervals of ICI, E50 and E90, from resamples of whole groups.

The errors are made of absolute values, so noise mostly adds to them: those of a resample lie above those of the study,
as these lie above the truth, and percentiles of resamples may miss the truth always. By the triangle inequality the
study's ICI is no farther from the true one than the two curves are from each other on average. How far that is, the
curves of resamples say: the limits are the study's error less, and plus, the 97.5 percentile of the distance of their
curves from that of the study (the mean distance for ICI, the 90th percentile for E50 and E90); the upper one is the
percentile of the errors of resamples if that is higher. Such an interval covers more often than it says, and a lower
limit of 0 means that there is no evidence of miscalibration.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skinexp.evaluation.intervals.bootstrap import (
    DEFAULT_RESAMPLING,
    ROUNDING,
    Resampling,
    limits,
    score_limits,
    tail,
)
from skinexp.evaluation.intervals.interval import UNDEFINED, Interval
from skinexp.evaluation.intervals.resampling import group_weights, validated_groups
from skinexp.evaluation.metrics.calibration_curve import CALIBRATION_ERRORS, CalibrationCurve, calibration_errors

COLUMNS = ["probability", "images", "observed", "low", "high"]
LIMITED_BY = {"ici": "ici", "e50": "e90", "e90": "e90"}  # error -> by how much noise moves it at most, but for a tail
FEWEST = 25  # lesions or patients of a class, below which a smooth curve shows noise only


@dataclass(frozen=True, eq=False)
class CalibrationBand:
    """A smooth calibration curve with its band, and its errors with their intervals.

    Attributes:
        curve: one row per probability: `probability`, `images` (how many it stands for), `observed` (share of malignant
            images), `low`, `high` (95 %, point by point).
        intervals: `ici`, `e50`, `e90` -> interval.
    """

    curve: pd.DataFrame
    intervals: dict[str, Interval]


def calibration_bands(
    labels: ArrayLike,
    probabilities: Mapping[str, ArrayLike],
    groups: ArrayLike,
    resampling: Resampling = DEFAULT_RESAMPLING,
    folds: ArrayLike | None = None,
) -> dict[str, CalibrationBand]:
    """Returns the calibration curve of each kind of probabilities, all from the resamples that other scores have.

    Args:
        labels: (n,) array of 0/1, both classes.
        probabilities: name -> (n,) array in 0..1, without NaN.
        groups: (n,) names of lesions or patients.
        resampling: how many resamples there are, and their seed.
        folds: (n,) numbers of the folds of a cross-validation, each of which is drawn from by itself.

    Raises:
        ValueError: if a label or probability is out of range, the lengths differ, or a group has no name.
    """
    curves = {name: CalibrationCurve(labels, values) for name, values in probabilities.items()}
    once = np.ones((1, len(np.asarray(labels))))
    whole = {name: curve(once) for name, curve in curves.items()}
    drawn: dict[str, list[_Chunk]] = {name: [] for name in curves}
    for weights in group_weights(labels, groups, *resampling[:2], folds, *resampling[2:]):
        for name, curve in curves.items():
            drawn[name].append(_chunk(curve, whole[name][0], weights))
    beyond = tail(labels, groups)
    return {name: _band(curves[name], *whole[name], drawn[name], beyond) for name in curves}


def has_few_cases(labels: ArrayLike, groups: ArrayLike) -> bool:
    """Returns whether a class has fewer lesions or patients than resamples of smooth scores need to cover.

    Resamples repeat the cases that there are. With 8 malignant ones the interval of a score that hangs on them covers
    in 80 to 90 % of studies, with `FEWEST` in 93 % or more (see benchmarks/calibration_coverage.py). A smooth curve of
    so few images follows their noise, and its errors are too large.
    """
    label_array, group_of_image, _ = validated_groups(labels, groups)
    return min(len(np.unique(group_of_image[label_array == label])) for label in (0, 1)) < FEWEST


@dataclass(frozen=True, eq=False)
class _Chunk:
    """Some resamples: their curves, their errors, and how far they are from the curve of all images."""

    observed: NDArray[np.float64]
    errors: dict[str, NDArray[np.float64]]
    noise: dict[str, NDArray[np.float64]]


def _chunk(curve: CalibrationCurve, whole: NDArray[np.float64], weights: NDArray[np.float64]) -> _Chunk:
    observed, images = curve(weights)
    errors, noise = (
        calibration_errors(np.abs(observed - reference), images) for reference in (curve.probabilities, whole)
    )
    return _Chunk(observed, errors, noise)


def _band(
    curve: CalibrationCurve,
    observed: NDArray[np.float64],
    images: NDArray[np.float64],
    drawn: list[_Chunk],
    beyond: float,
) -> CalibrationBand:
    low, high = limits(np.concatenate([chunk.observed for chunk in drawn]), beyond)
    estimates = calibration_errors(np.abs(observed - curve.probabilities), images)
    intervals = {}
    for name in CALIBRATION_ERRORS:
        errors = np.concatenate([chunk.errors[name] for chunk in drawn])
        noise = np.concatenate([chunk.noise[LIMITED_BY[name]] for chunk in drawn])
        intervals[name] = _interval(float(estimates[name][0]), errors, noise, beyond)
    shown = (curve.probabilities, curve.images, observed[0], low, high)
    return CalibrationBand(pd.DataFrame(dict(zip(COLUMNS, shown, strict=True))), intervals)


def _interval(estimate: float, errors: NDArray[np.float64], noise: NDArray[np.float64], beyond: float) -> Interval:
    """Returns the interval of an error; without limits if these images do not show how the curve varies."""
    _, high = score_limits(estimate, errors, beyond)
    most = float(limits(noise, beyond)[1])
    low, high = max(0.0, estimate - most), min(1.0, max(estimate + most, high))
    has_width = not (math.isnan(high) or math.isnan(most)) and min(most, high - low) > ROUNDING[0]
    return Interval(estimate, low, high) if has_width else UNDEFINED._replace(estimate=estimate)
