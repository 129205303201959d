"""Precision planning: widths that a simulated study has, numbers that give them, and groups that agree or not."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from skinexp.evaluation import auc_interval
from skinexp.evaluation.intervals.newcombe import model_variance
from skinexp.evaluation.intervals.planning import (
    Cases,
    cases_for_width,
    effective_cases,
    planned_interval,
    width,
)


@pytest.mark.parametrize(("malignant", "benign", "area"), [(20, 980, 0.85), (50, 50, 0.85), (30, 270, 0.95)])
def test_the_planned_width_is_that_of_simulated_studies(malignant, benign, area):
    generator = np.random.default_rng(0)
    labels = np.repeat([1, 0], [malignant, benign])
    apart = math.sqrt(2) * norm.ppf(area)
    found = [width(auc_interval(labels, apart * labels + generator.normal(size=labels.size))) for _ in range(100)]
    assert width(planned_interval(area, Cases(malignant, benign))) == pytest.approx(np.mean(found), rel=0.05)


def test_the_variance_is_the_worked_example_of_hanley_and_mcneil():
    # Radiology 143 (1982), Table II: an area of .893 on 51 abnormal and 58 normal images has the standard error .032.
    assert math.sqrt(model_variance(0.893, [(51, 58)])) == pytest.approx(0.032, abs=0.001)


@pytest.mark.parametrize(("area", "wanted"), [(0.5, 0.1), (0.85, 0.1), (0.85, 0.05), (0.99, 0.02)])
def test_the_needed_images_are_just_enough(area, wanted):
    cases = Cases(20, 180)
    needed = cases_for_width(area, wanted, cases)
    assert width(planned_interval(area, needed)) <= wanted
    fewer = Cases(needed.malignant - 1, needed.benign - 9)
    assert width(planned_interval(area, fewer)) > wanted
    assert needed.benign == pytest.approx(9 * needed.malignant, abs=9)


def test_more_images_than_needed_need_fewer():
    needed = cases_for_width(0.85, 0.2, Cases(200, 200))
    assert needed.malignant < 200
    assert cases_for_width(0.85, 1e-6, Cases(20, 20)) is None


def test_images_of_a_group_count_between_one_and_all():
    labels = np.repeat([1, 0], [12, 8])
    groups = [*"aaaabbbbcccc", *"defghijk"]
    assert effective_cases(labels, groups) == Cases(3, 8)
    assert effective_cases(labels, range(20)) == Cases(12, 8)
    assert effective_cases([1] * 6, list("aaaabb")) == Cases(pytest.approx(36 / 20), 0)  # unequal sizes count less
    assert effective_cases([0, 1], ["both", "both"]) == Cases(1, 1)


def test_groups_that_agree_need_as_many_times_more_images_as_they_count_less():
    alone = cases_for_width(0.85, 0.1, Cases(120, 80))
    grouped = cases_for_width(0.85, 0.1, Cases(120, 80), Cases(30, 20))
    assert grouped.malignant == pytest.approx(4 * alone.malignant, rel=0.01)


def test_folds_have_the_precision_of_all_their_images():
    one, all_folds, pooled = (
        width(planned_interval(0.85, Cases(40, 40))),
        width(planned_interval(0.85, Cases(40, 40), folds=5)),
        width(planned_interval(0.85, Cases(200, 200))),
    )
    assert all_folds < one / 2
    assert all_folds == pytest.approx(pooled, rel=0.05)


def test_a_class_without_images_has_no_interval():
    assert all(map(math.isnan, planned_interval(0.85, Cases(0, 20))))
    assert cases_for_width(0.85, 0.1, Cases(20, 0)) is None


@pytest.mark.parametrize("agreement", [0.0, 0.5, 1.0])
def test_the_two_widths_bound_that_of_simulated_studies_with_groups(agreement):
    generator = np.random.default_rng(0)
    lesions, each = np.repeat([1, 0], [30, 60]), 4
    labels, groups = np.repeat(lesions, each), np.repeat(np.arange(90), each)
    found = []
    for _ in range(40):
        shared, own = np.repeat(generator.normal(size=90), each), generator.normal(size=360)
        noise = math.sqrt(agreement) * shared + math.sqrt(1 - agreement) * own
        found.append(width(auc_interval(labels, math.sqrt(2) * norm.ppf(0.85) * labels + noise, groups)))
    alone = width(planned_interval(0.85, Cases(120, 240)))
    agreeing = width(planned_interval(0.85, effective_cases(labels, groups)))
    assert alone == pytest.approx(agreeing / 2, rel=0.05)
    assert 0.95 * alone < np.mean(found) < 1.1 * agreeing
    if agreement in (0, 1):
        assert np.mean(found) == pytest.approx(agreeing if agreement else alone, rel=0.1)
