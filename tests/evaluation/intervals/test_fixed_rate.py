"""Sensitivity at a fixed specificity and the other way round: coverage, symmetry, and no interval without a bound."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from skinexp.evaluation.intervals.fixed_rate import FIXED, fixed_rate_interval
from skinexp.evaluation.metrics.ranking_scores import ranking_scores


def interval(score, labels, scores, groups=None):
    groups = np.arange(len(labels)) if groups is None else groups
    return fixed_rate_interval(score, ranking_scores(labels, scores)[score], labels, scores, groups)


def scored(malignant, benign, apart, seed=0):
    generator = np.random.default_rng(seed)
    labels = np.repeat([1, 0], [malignant, benign])
    return labels, apart * labels + generator.normal(size=len(labels))


@pytest.mark.parametrize("score", FIXED)
def test_it_holds_the_estimate_and_stays_in_its_range(score):
    found = interval(score, *scored(120, 150, 1.5))
    assert 0 <= found.low < found.estimate < found.high <= 1


def test_turned_classes_and_scores_exchange_sensitivity_and_specificity():
    labels, scores = scored(100, 140, 1.5)
    there = interval("sensitivity_at_90_specificity", labels, scores)
    back = interval("specificity_at_90_sensitivity", 1 - labels, -scores)
    assert back == pytest.approx(there)


@pytest.mark.parametrize(("score", "malignant", "benign"), [
    ("specificity_at_90_sensitivity", 8, 392),
    ("specificity_at_95_sensitivity", 40, 400),
    ("sensitivity_at_95_specificity", 40, 40),
])  # fmt: skip
def test_a_class_too_small_to_bound_the_threshold_gives_no_interval(score, malignant, benign):
    found = interval(score, *scored(malignant, benign, 2.0))
    assert not math.isnan(found.estimate)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_images_shown_three_times_are_no_more_evidence():
    labels, scores = scored(60, 200, 1.5)
    groups = np.arange(260)
    once = interval("sensitivity_at_90_specificity", labels, scores, groups)
    thrice = interval("sensitivity_at_90_specificity", *(np.repeat(x, 3) for x in (labels, scores, groups)))
    assert thrice.high - thrice.low > 0.85 * (once.high - once.low)


def test_it_covers_with_eight_malignant_images():
    truth = norm.sf(norm.ppf(0.9) - 2.476)
    held = 0
    for seed in range(400):
        _, low, high = interval("sensitivity_at_90_specificity", *scored(8, 392, 2.476, seed))
        held += low <= truth <= high
    assert held / 400 >= 0.93
