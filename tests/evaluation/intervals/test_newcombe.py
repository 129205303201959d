"""Newcombe's interval of the area: the roots of its equation, groups, folds, and how often it covers."""

import math

import numpy as np
import pytest
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import roc_auc_score

from skinexp.evaluation import auc_interval, delong_interval
from skinexp.evaluation.intervals.newcombe import score_limits

Z = 1.959963984540054


def scored(malignant, benign, apart, seed=0):
    generator = np.random.default_rng(seed)
    labels = np.repeat([1, 0], [malignant, benign])
    return labels, apart * labels + generator.normal(size=len(labels))


def roots(area, m, n):
    """Method 5 as a quartic in the true area: its roots in 0..1 are the limits."""
    star = (m + n) / 2 - 1
    theta = np.polynomial.Polynomial([0, 1])
    left = m * n * (area - theta) ** 2 * (2 - theta) * (1 + theta)
    inside = (2 - theta) * (1 + theta) + star * ((1 - theta) * (1 + theta) + theta * (2 - theta))
    found = (left - Z**2 * theta * (1 - theta) * inside).roots()
    real = np.sort(found.real[np.abs(found.imag) < 1e-9])
    return [root for root in real if -1e-9 <= root <= 1 + 1e-9]


@pytest.mark.parametrize(("area", "m", "n"), [(0.8931, 51, 58), (0.5, 8, 392), (0.96, 20, 980), (0.999, 8, 8)])
def test_the_limits_are_the_roots_of_newcombes_quartic(area, m, n):
    assert score_limits(area, [(m, n)], 1.0, Z) == pytest.approx(tuple(roots(area, m, n)[-2:]), abs=1e-8)


def test_independent_images_have_method_5_as_it_is_published():
    labels, scores = scored(20, 180, 2.0)
    area = roc_auc_score(labels, scores)

    found = auc_interval(labels, scores)

    assert found == pytest.approx((area, *roots(area, 20, 180)[-2:]), abs=1e-8)


def test_turned_classes_and_scores_turn_the_interval():
    labels, scores = scored(12, 40, 1.0)
    found, turned = auc_interval(labels, scores), auc_interval(labels, -scores)
    assert (1 - turned.high, 1 - turned.low) == pytest.approx((found.low, found.high), abs=1e-8)


@pytest.mark.parametrize("malignant", [3, 8, 50])
def test_classes_that_are_fully_apart_leave_a_doubt(malignant):
    labels = np.repeat([1, 0], [malignant, 100])
    found = auc_interval(labels, labels + 0.001 * np.arange(len(labels)))
    assert (found.estimate, found.high) == (1, 1)
    assert 1 - found.low > 1 / (malignant + 100)


def test_images_shown_twice_are_no_more_evidence():
    labels, scores = scored(30, 90, 1.2)
    names = np.arange(len(labels))
    once, twice = auc_interval(labels, scores, names), auc_interval(*(np.repeat(x, 2) for x in (labels, scores, names)))
    assert twice.high - twice.low >= 0.9 * (once.high - once.low)


def test_lesions_that_agree_in_all_count_once_if_the_classes_are_apart():
    labels = np.repeat([1, 0], 40)
    scores, groups = labels + 0.001 * np.arange(80), np.arange(80) // 10
    assert auc_interval(labels, scores, groups).low == pytest.approx(score_limits(1.0, [(4, 4)], 1.0, Z)[0])


def test_the_first_lesion_with_two_images_hardly_changes_an_interval():
    labels, scores = scored(20, 200, 2.0)
    groups = np.arange(220)
    alone = auc_interval(labels, scores, groups)
    groups[-1] = groups[-2]  # two benign images of one lesion
    paired = auc_interval(labels, scores, groups)
    assert paired == pytest.approx(alone, abs=0.002)


def test_the_area_of_folds_compares_no_scores_of_different_folds():
    labels, scores = scored(40, 120, 1.5)
    folds = np.arange(160) % 4
    shifted = scores + 10.0 * folds  # networks that do not agree on what a logit of 0 means

    found, moved = (auc_interval(labels, values, folds=folds) for values in (scores, shifted))

    assert moved == pytest.approx(found)
    by_fold = [roc_auc_score(labels[folds == fold], scores[folds == fold]) for fold in range(4)]
    assert found.estimate == pytest.approx(np.mean(by_fold))
    pooled = auc_interval(labels, scores)
    assert found.high - found.low == pytest.approx(pooled.high - pooled.low, rel=0.15)


@pytest.mark.parametrize(
    ("labels", "folds"), [([1, 1], None), ([0, 1, 0, 0], [0, 0, 1, 1])], ids=["one class", "one class in a fold"]
)
def test_without_both_classes_there_is_no_area(labels, folds):
    with pytest.warns(UndefinedMetricWarning, match="the interval of the area"):
        assert all(map(math.isnan, auc_interval(labels, np.arange(len(labels)), folds=folds)))


def test_a_class_of_a_single_group_has_no_limits():
    found = auc_interval([0, 0, 0, 1, 1], [1, 2, 5, 4, 6], ["a", "b", "c", "d", "d"])
    assert found == pytest.approx((5 / 6, math.nan, math.nan), nan_ok=True)


def test_it_covers_with_eight_malignant_images_where_delong_does_not():
    held = {"Newcombe": 0, "DeLong": 0}
    for seed in range(400):
        labels, scores = scored(8, 392, 2.476, seed)  # a true area of .96
        for name, interval in (("Newcombe", auc_interval), ("DeLong", delong_interval)):
            _, low, high = interval(labels, scores)
            held[name] += low <= 0.96 <= high
    assert held["Newcombe"] / 400 > 0.93
    assert held["DeLong"] / 400 < 0.88
