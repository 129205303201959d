"""Heterogeneity over external sets: Q, I² and the random-effects mean against numbers by hand and in simulations."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import chi2, norm, t

from skinexp.evaluation import delong_interval
from skinexp.evaluation.heterogeneity import NO_AREA, SetArea, heterogeneity, pooled_area, set_area
from skinexp.evaluation.intervals.interval import QUANTILE
from skinexp.evaluation.intervals.newcombe import model_variance


def sets(*areas: float, malignant: int = 50, benign: int = 50) -> list[SetArea]:
    """Sets of equal sizes whose DeLong variance is the model's."""
    size = (malignant, benign)
    return [SetArea(area, model_variance(area, [size]), 1.0, *size) for area in areas]


def drawn(generator, malignant: int, benign: int, area: float) -> SetArea:
    labels = np.repeat([1, 0], [malignant, benign])
    return set_area(labels, math.sqrt(2) * norm.ppf(area) * labels + generator.normal(size=labels.size))


def expected_q(areas: list[float]) -> float:
    """Of sets of equal sizes: the common area is the mean, and the variances are those of the model there."""
    factor = 1.0  # DeLong's variances are the model's
    return float(
        np.sum((np.array(areas) - np.mean(areas)) ** 2) / (factor * model_variance(np.mean(areas), [(50, 50)]))
    )


def test_q_and_i_squared_of_equal_sizes_by_hand():
    areas = [0.7, 0.8, 0.9]
    found, q = heterogeneity(sets(*areas)), expected_q(areas)
    assert (found.sets, found.freedom, found.lowest, found.highest) == (3, 2, 0.7, 0.9)
    assert found.q == pytest.approx(q)
    assert found.i_squared == pytest.approx((q - 2) / q)
    assert found.p_value == pytest.approx(chi2.sf(q, 2))
    error = 0.5 * (math.log(q) - math.log(2)) / (math.sqrt(2 * q) - math.sqrt(3))  # Higgins & Thompson
    h = [math.sqrt(q / 2) * math.exp(side * QUANTILE * error) for side in (-1, 1)]
    assert [found.i_low, found.i_high] == pytest.approx([max(0.0, 1 - 1 / limit**2) for limit in h])


def test_equal_areas_have_no_heterogeneity():
    found = heterogeneity(sets(0.8, 0.8, 0.8))
    assert (found.q, found.i_squared, found.p_value) == (pytest.approx(0, abs=1e-9), 0, pytest.approx(1))
    assert found.i_low == 0
    assert 0 < found.i_high < 1
    assert math.isnan(heterogeneity(sets(0.8, 0.8)).i_high)  # two sets that agree show no range


def test_sets_without_an_area_are_left_out_and_an_area_of_1_is_none_of_them():
    two = sets(0.7, 0.9)
    assert heterogeneity([*two, NO_AREA]) == heterogeneity(two)
    perfect = heterogeneity([*two, SetArea(1.0, 0.0, 1.0, 50, 50)])
    assert (perfect.sets, perfect.highest) == (3, 1.0)
    assert perfect.q > heterogeneity(two).q
    assert math.isnan(heterogeneity([SetArea(1.0, 0.0, 1.0, 50, 50)] * 2).q)
    assert math.isnan(pooled_area([SetArea(1.0, 0.0, 1.0, 50, 50)] * 2).tau)
    assert heterogeneity([NO_AREA]).sets == 0
    assert math.isnan(heterogeneity(two[:1]).q)


def test_a_set_has_delongs_variance_and_the_design_effect_of_its_groups():
    generator = np.random.default_rng(0)
    labels = np.repeat([1, 0], [30, 60])
    scores = labels + generator.normal(size=90)
    alone = set_area(labels, scores)
    area, low, high = delong_interval(labels, scores)  # symmetric for the logit
    logit = [math.log(value / (1 - value)) for value in (low, high)]
    error = (logit[1] - logit[0]) / (2 * QUANTILE) * area * (1 - area)
    assert (alone.area, alone.malignant, alone.benign, alone.effect) == (area, 30, 60, 1.0)
    assert math.sqrt(alone.variance) == pytest.approx(error)
    twice = set_area(np.repeat(labels, 2), np.repeat(scores, 2), np.repeat(np.arange(90), 2))
    assert twice.effect == pytest.approx(2, rel=0.05)
    assert not set_area([1, 1], [0.1, 0.2]).is_known
    assert not set_area([1, 1, 0, 0], [3, 2, 1, 0], ["a", "a", "b", "c"]).is_known  # one malignant lesion


def test_groups_make_differences_less_surprising():
    plain = sets(0.7, 0.8, 0.9)
    grouped = [SetArea(one.area, one.variance, 4.0, one.malignant, one.benign) for one in plain]
    assert heterogeneity(grouped).q == pytest.approx(heterogeneity(plain).q / 4)


def test_the_random_effects_mean_of_equal_sizes_by_hand():
    areas = [0.7, 0.8, 0.9]
    found, variance = pooled_area(sets(*areas)), model_variance(0.8, [(50, 50)])
    assert found.tau == pytest.approx(math.sqrt(0.01 - variance))  # variance between the sets less sampling variance
    half = t.ppf(0.975, 2) * math.sqrt(0.01 / 3) / (0.8 * 0.2)
    centre = math.log(0.8 / 0.2)
    assert found.mean.estimate == pytest.approx(0.8)
    assert math.log(found.mean.high / (1 - found.mean.high)) == pytest.approx(centre + half)
    assert math.log(found.mean.low / (1 - found.mean.low)) == pytest.approx(centre - half)
    reach = t.ppf(0.975, 1) * math.sqrt(0.01 - variance + 0.01 / 3) / 0.16
    assert math.log(found.prediction.low / (1 - found.prediction.low)) == pytest.approx(centre - reach)


def test_sets_that_agree_by_chance_have_no_shorter_interval_than_their_errors_allow():
    found, variance = pooled_area(sets(0.8, 0.8, 0.8)), model_variance(0.8, [(50, 50)])
    half = QUANTILE * math.sqrt(variance / 3) / 0.16
    assert math.log(found.mean.high / (1 - found.mean.high)) == pytest.approx(math.log(4) + half)


def test_two_sets_have_a_mean_and_no_prediction():
    found = pooled_area(sets(0.7, 0.8))
    assert not math.isnan(found.mean.low)
    assert math.isnan(found.prediction.low)


SIZES = {
    "small": [(20, 80)] * 3,
    "few malignant": [(10, 200)] * 5,
    "unequal": [(100, 100), (20, 50), (15, 300), (8, 99)],
}


@pytest.mark.slow
@pytest.mark.parametrize("area", [0.7, 0.85, 0.95])
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_q_rejects_as_often_as_it_should_and_the_mean_is_covered_if_all_true_areas_are_equal(area, sizes):
    generator = np.random.default_rng(0)
    studies = [[drawn(generator, *size, area) for size in sizes] for _ in range(600)]
    rejected = np.mean([heterogeneity(study).p_value < 0.05 for study in studies])
    limits = [pooled_area(study).mean for study in studies]
    assert 0.01 < rejected < 0.08  # 0.05, as far as 600 studies show
    assert 0.93 < np.mean([low <= area <= high for _, low, high in limits]) < 0.999


def test_larger_differences_are_found_more_often():
    generator = np.random.default_rng(0)
    found = []
    for second in (0.85, 0.75, 0.65):
        pairs = [[drawn(generator, 50, 100, 0.85), drawn(generator, 50, 100, second)] for _ in range(60)]
        found.append(np.mean([heterogeneity(pair).p_value < 0.05 for pair in pairs]))
    assert all(low < high for low, high in pairwise(found))
