"""The points of curves: the area under them is the score that stands in the legend."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from skinexp.evaluation import precision_recall_points, ranking_scores, roc_points

CASES = st.lists(st.tuples(st.integers(0, 1), st.integers(-5, 5)), min_size=2, max_size=40)


@given(CASES)
def test_the_area_under_the_roc_points_is_the_roc_area(cases):
    labels, scores = np.array(cases).T
    assume(len(set(labels)) == 2)

    curve = roc_points(labels, scores)

    area = np.trapezoid(curve.sensitivity, curve.false_positive_rate)
    assert area == pytest.approx(ranking_scores(labels, scores)["roc_auc"])


@given(CASES)
def test_the_area_under_the_precision_steps_is_the_average_precision(cases):
    labels, scores = np.array(cases).T
    assume(len(set(labels)) == 2)

    curve = precision_recall_points(labels, scores)

    area = (np.diff(curve.recall) * curve.precision[1:]).sum()
    assert area == pytest.approx(ranking_scores(labels, scores)["average_precision"])


def test_a_curve_does_not_start_with_a_precision_that_nothing_was_called_for():
    curve = precision_recall_points([1, 0], [0.1, 0.9])  # the first image called malignant is benign

    assert curve.recall[0] == 0
    assert curve.precision[0] == 0


@pytest.mark.parametrize("points", [roc_points, precision_recall_points])
@pytest.mark.parametrize(("labels", "scores"), [([0, 0], [1, 2]), ([0, 1], [1, math.nan]), ([], [])])
def test_an_undefined_curve_has_no_points(points, labels, scores):
    assert [len(axis) for axis in points(labels, scores)] == [0, 0]
