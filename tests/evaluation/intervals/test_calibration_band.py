"""Bands of smooth calibration curves, and intervals of their errors."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from skinexp.evaluation.intervals.bootstrap import Resampling
from skinexp.evaluation.intervals.calibration_band import calibration_bands


def study(slope, images=600, seed=0):
    """Outcomes drawn with the probability of the logit times a slope; two images a lesion."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(-1, 1.5, images)
    labels = (generator.random(images) < expit(slope * logits)).astype(int)
    return labels, {"before": expit(logits), "after": expit(slope * logits)}, np.arange(images) // 2


def test_a_miscalibrated_model_is_told_from_a_calibrated_one():
    bands = calibration_bands(*study(0.3, seed=1), Resampling(200))

    before, after = bands["before"].intervals, bands["after"].intervals
    for name in ("ici", "e50", "e90"):
        assert 0 < before[name].low < before[name].estimate < before[name].high
        assert after[name].low == 0 < after[name].estimate <= after[name].high
    assert before["ici"].estimate > after["ici"].estimate
    assert before["e50"].estimate < before["e90"].estimate


def test_the_band_is_about_the_curve_and_as_wide_as_images_are_few():
    few, many = (calibration_bands(*study(1.0, images), Resampling(200))["before"].curve for images in (200, 2_000))

    for curve in (few, many):
        assert list(curve) == ["probability", "images", "observed", "low", "high"]
        assert (curve["low"] <= curve["observed"]).mean() > 0.95
        assert (curve["high"] >= curve["observed"]).mean() > 0.95
        assert curve["probability"].is_monotonic_increasing
    assert (many["high"] - many["low"]).mean() < 0.6 * (few["high"] - few["low"]).mean()


def test_the_same_seed_gives_the_same_band():
    first, again, other = (calibration_bands(*study(1.0, 100), Resampling(50, seed)) for seed in (1, 1, 2))

    pd.testing.assert_frame_equal(first["before"].curve, again["before"].curve)
    assert first["before"].intervals == again["before"].intervals
    assert first["before"].intervals != other["before"].intervals


def test_outcomes_that_do_not_vary_give_an_error_without_limits():
    labels = np.tile([0, 1], 20)
    band = calibration_bands(labels, {"": np.where(labels, 0.9, 0.1)}, np.arange(40), Resampling(50))[""]

    assert band.intervals["ici"].estimate == pytest.approx(0.1)
    assert math.isnan(band.intervals["ici"].low)
    assert math.isnan(band.intervals["ici"].high)
