"""Heterogeneity over external sets: Cochran's Q, I² and the random-effects mean against hand-made numbers."""

import math

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import chi2, t

from skinexp.evaluation import Interval
from skinexp.evaluation.heterogeneity import heterogeneity, pooled_area
from skinexp.evaluation.intervals.interval import QUANTILE, UNDEFINED


def areas(values: list[float], errors: list[float]) -> list[Interval]:
    """Areas whose logits have these values and standard errors."""
    return [
        Interval(*(float(expit(value + side * QUANTILE * error)) for side in (0, -1, 1)))
        for value, error in zip(values, errors, strict=True)
    ]


def test_q_and_i_squared_are_those_of_equal_weights_by_hand():
    found = heterogeneity(areas([1.0, 2.0, 3.0], [0.5, 0.5, 0.5]))
    assert found.q == pytest.approx(((-1) ** 2 + 0 + 1**2) / 0.25)  # 8
    assert (found.sets, found.freedom) == (3, 2)
    assert found.i_squared == pytest.approx(6 / 8)
    assert found.p_value == pytest.approx(chi2.sf(8, 2))
    assert (found.lowest, found.highest) == (pytest.approx(expit(1.0)), pytest.approx(expit(3.0)))


def test_the_interval_of_i_squared_is_the_worked_form_of_higgins_and_thompson():
    found = heterogeneity(areas([1.0, 2.0, 3.0], [0.5, 0.5, 0.5]))
    error = 0.5 * (math.log(8) - math.log(2)) / (math.sqrt(16) - math.sqrt(3))
    h = [math.sqrt(8 / 2) * math.exp(side * QUANTILE * error) for side in (-1, 1)]
    expected = [max(0.0, 1 - 1 / max(limit, 1) ** 2) for limit in h]
    assert [found.i_low, found.i_high] == pytest.approx(expected)


def test_equal_areas_have_no_heterogeneity():
    found = heterogeneity(areas([1.5, 1.5, 1.5], [0.2, 0.4, 0.9]))
    assert (found.q, found.i_squared, found.p_value) == (pytest.approx(0, abs=1e-9), 0, pytest.approx(1))
    assert found.i_low == 0
    assert 0 < found.i_high < 1
    assert math.isnan(heterogeneity(areas([1.5, 1.5], [0.2, 0.4])).i_high)  # two sets that agree show no range


def test_sets_without_an_area_are_left_out_and_an_area_of_1_has_no_logit():
    two = areas([1.0, 2.0], [0.3, 0.3])
    assert heterogeneity([*two, UNDEFINED]) == heterogeneity(two)
    perfect = heterogeneity([*two, Interval(1.0, 0.9, 1.0)])
    assert (perfect.sets, perfect.highest) == (3, 1.0)
    assert math.isnan(perfect.q)
    assert math.isnan(pooled_area([Interval(1.0, 0.9, 1.0), *two]).tau)
    assert heterogeneity([UNDEFINED]).sets == 0
    assert math.isnan(heterogeneity(two[:1]).q)


def test_the_random_effects_mean_is_that_of_equal_weights_by_hand():
    found = pooled_area(areas([1.0, 2.0, 3.0], [0.5, 0.5, 0.5]))
    tau_squared = 1.0 - 0.25  # variance between the sets less sampling variance
    error = math.sqrt(1.0 / 3)
    assert found.tau == pytest.approx(math.sqrt(tau_squared))
    assert [float(logit(value)) for value in found.mean] == pytest.approx(
        [2.0, 2.0 - t.ppf(0.975, 2) * error, 2.0 + t.ppf(0.975, 2) * error]
    )
    half = t.ppf(0.975, 1) * math.sqrt(tau_squared + error**2)
    assert float(logit(found.prediction.low)) == pytest.approx(2.0 - half)


def test_sets_that_agree_by_chance_have_no_shorter_interval_than_their_errors_allow():
    found = pooled_area(areas([1.5, 1.5, 1.5], [0.3, 0.3, 0.3]))
    assert float(logit(found.mean.high)) == pytest.approx(1.5 + t.ppf(0.975, 2) * 0.3 / math.sqrt(3))


def test_two_sets_have_a_mean_and_no_prediction():
    found = pooled_area(areas([1.0, 2.0], [0.3, 0.4]))
    assert not math.isnan(found.mean.low)
    assert math.isnan(found.prediction.low)


def test_q_rejects_as_often_as_it_should_if_all_true_areas_are_equal():
    generator = np.random.default_rng(0)
    errors = np.array([0.2, 0.3, 0.5, 0.4])
    draws = 1.5 + errors * generator.normal(size=(2000, 4))
    rejected = [heterogeneity(areas(list(draw), list(errors))).p_value < 0.05 for draw in draws]
    assert np.mean(rejected) == pytest.approx(0.05, abs=0.015)
