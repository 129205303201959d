"""Intervals from leaving groups out: a worked jackknife, scores at the end of their range, and groups in blocks."""

import math

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import t
from sklearn.metrics import average_precision_score

from skinexp.evaluation import Resampling, bootstrap
from skinexp.evaluation.intervals.jackknife import BLOCKS, jackknife_intervals
from skinexp.evaluation.metrics.weighted_metrics import Scorer


def cases(lesions=60, seed=0):
    """Lesions of one or two images, a third of them malignant."""
    generator = np.random.default_rng(seed)
    groups = np.repeat(np.arange(lesions), generator.integers(1, 3, lesions))
    labels = (groups < lesions // 3).astype(int)
    return labels, generator.normal(size=len(groups)) + 1.5 * labels, groups


def intervals(labels, logits, groups):
    scorer = Scorer(labels, logits, expit(logits), {})
    estimates = {name: float(value[0]) for name, value in scorer(np.ones((1, len(labels)))).items()}
    return jackknife_intervals(scorer, estimates, labels, groups)


def test_average_precision_is_left_out_group_by_group_on_the_scale_of_its_logit():
    labels, logits, groups = cases()
    variance = doubt = 0.0
    for kind in (range(20), range(20, 60)):
        without = [average_precision_score(labels[groups != one], logits[groups != one]) for one in kind]
        squares = (np.array(without) - np.mean(without)) ** 2
        shrink = (len(kind) - 1) / len(kind)
        variance += shrink * squares.sum()
        doubt += shrink**2 * (squares**2).sum() - shrink**2 * squares.sum() ** 2 / len(kind)
    area = average_precision_score(labels, logits)
    half = t.ppf(0.975, 2 * variance**2 / doubt) * math.sqrt(variance) / (area * (1 - area))

    found = intervals(labels, logits, groups)["average_precision"]

    assert found == pytest.approx((area, expit(logit(area) - half), expit(logit(area) + half)))


def test_limits_stay_within_the_range_of_a_score():
    found = intervals(*cases(lesions=24, seed=2))

    assert 0 < found["pauc_isic2024"].low < found["pauc_isic2024"].high < 0.2
    assert found["calibration_slope"].low < found["calibration_slope"].estimate < found["calibration_slope"].high


def test_a_score_at_the_end_of_its_range_is_not_left_out_group_by_group():
    labels, groups = np.repeat([0, 1], 10), np.arange(20)
    logits = np.linspace(-2, 2, 20)  # the classes are apart: average precision 1, no slope

    found = bootstrap(labels, logits, expit(logits), groups, {}, resampling=Resampling(50))

    assert found.jackknifed == frozenset()
    assert found.intervals["average_precision"] == pytest.approx((1, math.nan, math.nan), nan_ok=True)


def test_where_one_image_is_the_whole_error_the_percentiles_stay():
    labels, logits = np.repeat([0, 1], 45), np.linspace(-2, 2, 90)
    logits[0] = 3  # one benign image, ranked above all others

    found = bootstrap(labels, logits, expit(logits), np.arange(90), {}, resampling=Resampling(200))

    assert "average_precision" not in found.jackknifed
    area = found.intervals["average_precision"]
    assert 0.5 < area.low < area.estimate == pytest.approx(average_precision_score(labels, logits))


def test_a_single_group_of_a_kind_shows_nothing_of_how_groups_vary():
    labels, logits, _ = cases()

    assert intervals(labels, logits, np.where(labels == 1, "the only one", np.arange(len(labels)).astype(str))) == {}


def test_many_groups_are_left_out_several_at_a_time_and_tell_the_same():
    labels, logits, groups = cases(lesions=6 * BLOCKS)
    blocked = intervals(labels, logits, groups)["average_precision"]
    resampled = bootstrap(labels, logits, expit(logits), groups, {}, resampling=Resampling(400))
    spread = np.std(resampled.replicates["average_precision"])

    assert blocked.high - blocked.low == pytest.approx(2 * 1.96 * spread, rel=0.2)


def test_a_model_that_knows_nothing_has_a_slope_whose_interval_holds_0():
    held = 0
    for seed in range(60):
        generator = np.random.default_rng(seed)
        labels, logits = np.repeat([0, 1], [60, 30]), generator.normal(size=90)
        slope = intervals(labels, logits, np.arange(90))["calibration_slope"]
        held += slope.low <= 0 <= slope.high
    assert held >= 54  # of 60; four standard errors below 95 %
