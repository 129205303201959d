"""Tests of configurations over seeds, beside their formulas, and in simulated studies."""

import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from skinexp.evaluation import delong_test
from skinexp.evaluation.intervals.delong import Components, auc_components, difference_components
from skinexp.evaluation.paired.configuration_test import (
    independent_test,
    on_all_groups,
    resplit_test,
    same_images_test,
)

SCRIPTS = Path(__file__).parents[3] / "benchmarks"
LABELS = np.repeat([0, 1], [60, 40])


def networks(seeds, seed=0):
    """(seeds, 2, images) scores of two configurations, each with a luck of images that its seeds share."""
    draw = np.random.default_rng(seed)
    luck = draw.normal(size=(1, 2, 100))
    return 1.2 * LABELS + luck + 0.5 * draw.normal(size=(seeds, 2, 100))


def compared(scores):
    found = [[auc_components(LABELS, one, None) for one in pair] for pair in scores]
    differences = [a[0] - b[0] for a, b in found]
    return differences, same_images_test(differences, [difference_components(a[1], b[1]) for a, b in found])


def shares_below(scores):
    """DeLong's placements: for each malignant image the share of benign ones below, and the other way round."""
    benign, malignant = scores[LABELS == 0], scores[LABELS == 1]
    below = (malignant[:, None] > benign).astype(float)
    return below.mean(axis=1), below.mean(axis=0)


def test_the_test_over_seeds_and_images_is_obuchowskis_and_rocketts_with_hilliss_degrees_of_freedom():
    scores = networks(4)
    differences, found = compared(scores)
    placed = [[shares_below(one) for one in pair] for pair in scores]
    of_malignant = np.cov([a[0] - b[0] for a, b in placed]) / 40
    of_benign = np.cov([a[1] - b[1] for a, b in placed]) / 60
    covariance = (of_malignant + of_benign)[~np.eye(4, dtype=bool)].mean()  # two times (cov2 - cov3)
    of_seeds = np.var(differences, ddof=1) / 4

    error = math.sqrt(of_seeds + covariance)
    freedom = (of_seeds + covariance) ** 2 / (of_seeds**2 / 3 + covariance**2 / 39)
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(np.mean(differences)) / error, freedom), rel=0.02)
    assert found.high - found.difference == pytest.approx(stats.t.ppf(0.975, freedom) * error, rel=0.02)


def test_seeds_that_agree_in_all_leave_the_test_of_the_images():
    scores = np.repeat(networks(1), 3, axis=0)
    _, found = compared(scores)
    alone = delong_test(LABELS, scores[0, 0], scores[0, 1])
    assert found.difference == pytest.approx(alone.difference)
    assert found.high - found.low == pytest.approx(alone.high - alone.low, rel=0.05)  # Student's quantile


def test_many_test_images_leave_the_paired_t_test_of_the_seeds():
    draw = np.random.default_rng(3)
    labels = np.repeat([0, 1], 20_000)
    quality = 1 + 0.3 * draw.normal(size=(4, 2, 1))
    scores = quality * labels + draw.normal(size=(4, 2, 40_000))
    found = [[auc_components(labels, one, None) for one in pair] for pair in scores]
    areas = np.array([[one[0] for one in pair] for pair in found])
    parts = [difference_components(a[1], b[1]) for a, b in found]
    p_value = same_images_test(areas[:, 0] - areas[:, 1], parts).p_value
    assert p_value == pytest.approx(stats.ttest_rel(areas[:, 0], areas[:, 1]).pvalue, abs=0.02)


def test_the_corrected_resampled_t_test_is_nadeaus_and_bengios():
    differences = np.array([0.02, 0.05, 0.01, 0.04, 0.03])
    found = resplit_test(differences, 0.15, 0.70)
    statistic = differences.mean() / math.sqrt((1 / 5 + 15 / 70) * differences.var(ddof=1))
    assert found.p_value == pytest.approx(2 * stats.t.sf(statistic, 4))
    assert independent_test(differences).p_value == pytest.approx(stats.ttest_1samp(differences, 0).pvalue)


def test_splits_that_share_no_luck_of_images_have_the_t_test_and_those_that_do_at_most_nadeaus_correction():
    differences, none = [0.02, 0.05, 0.01], np.zeros(4)
    apart = [Components(part, none, 4, 4) for part in np.eye(4)[:3]]
    alike = [Components(np.ones(4), none, 4, 4)] * 3
    plain, corrected = independent_test(differences), resplit_test(differences, 0.15, 0.70)
    assert resplit_test(differences, 0.15, 0.70, apart).p_value == pytest.approx(plain.p_value)
    assert resplit_test(differences, 0.15, 0.70, alike).p_value == pytest.approx(corrected.p_value)


def test_components_of_other_test_parts_are_put_under_the_same_groups():
    parts = [Components(np.array([1.0, 2.0]), np.array([3.0, 4.0]), 2, 2) for _ in range(2)]
    one, other = on_all_groups(parts, [np.array(["a", "c"]), np.array(["b", "c"])])
    assert (one.malignant.tolist(), other.malignant.tolist()) == ([1, 0, 2], [0, 1, 2])
    assert (one.benign.tolist(), other.benign.tolist()) == ([3, 0, 4], [0, 3, 4])


@pytest.mark.parametrize("test", [lambda values: resplit_test(values, 0.2, 0.7), independent_test])
def test_without_spread_there_is_no_statement_but_on_equal_configurations(test):
    assert math.isnan(test([0.1, 0.1, 0.1]).p_value)
    assert test([0.0, 0.0]).p_value == 1
    assert math.isnan(test([0.1]).p_value)


def test_a_class_of_three_images_has_no_test():
    labels, draw = np.repeat([0, 1], [50, 3]), np.random.default_rng(0)
    components = [auc_components(labels, draw.normal(size=53), None)[1] for _ in range(3)]
    assert same_images_test([0.1, 0.2, 0.3], components).test.startswith("none: a class has fewer than 5")


@pytest.fixture(scope="module")
def script():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        specification = importlib.util.spec_from_file_location("seed_tests", SCRIPTS / "seed_tests.py")
        module = importlib.util.module_from_spec(specification)
        patch.setitem(sys.modules, "seed_tests", module)  # where dataclasses look their module up
        specification.loader.exec_module(module)
        yield module


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_configurations_that_do_not_differ_are_found_to_in_one_study_of_twenty(script, seeds):
    studies = 250
    found = {one: script.simulate(one, studies) for one in script.DESIGNS if one.seeds == seeds}
    assert [fault for one, errs in found.items() for fault in script.faults(one, errs, studies)] == []
    assert max(errs["t-test over seeds"] for errs in found.values()) > 0.12  # so the studies can tell
