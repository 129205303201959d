"""Youden's threshold, against all thresholds that scikit-learn knows of."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import roc_curve

from skinexp.evaluation import threshold_scores, youden_threshold

# A coarse grid makes ties, the full range makes everything else.
PROBABILITIES = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), st.floats(0, 1))
CASES = st.lists(st.tuples(st.integers(0, 1), PROBABILITIES), min_size=2, max_size=40)


def youden(labels, probabilities, threshold):
    scores = threshold_scores(labels, probabilities, threshold)
    return scores["recall"] + scores["specificity"] - 1


@given(CASES)
def test_no_other_threshold_has_a_higher_j(cases):
    labels, probabilities = np.array(cases).T
    assume(len(set(labels)) == 2)

    threshold = youden_threshold(labels, probabilities)

    false_positive_rate, sensitivity, _ = roc_curve(labels, probabilities, drop_intermediate=False)
    assert 0 <= threshold <= 1
    assert youden(labels, probabilities, threshold) == pytest.approx((sensitivity - false_positive_rate).max())


@given(CASES)
def test_of_equally_good_thresholds_the_most_sensitive_is_chosen(cases):
    labels, probabilities = np.array(cases).T
    assume(len(set(labels)) == 2)

    threshold = youden_threshold(labels, probabilities)

    best = youden(labels, probabilities, threshold)
    for lower in probabilities[probabilities < threshold]:
        assert youden(labels, probabilities, lower) < best - 1e-12


def test_the_threshold_is_halfway_between_the_scores_that_it_separates():
    assert youden_threshold([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.9]) == pytest.approx(0.4)


@pytest.mark.parametrize("low", [0.3, math.nextafter(0.3, 1)])  # their halves round up and down
def test_between_neighbouring_floats_the_higher_is_the_threshold(low):
    high = math.nextafter(low, 1)

    assert youden_threshold([0, 1], [low, high]) == high


@pytest.mark.parametrize("low", [np.float32(0.3), np.nextafter(np.float32(0.3), np.float32(1))])
def test_a_threshold_between_two_float32_scores_separates_them(low):
    high = np.nextafter(low, np.float32(1))
    halfway = (float(low) + float(high)) / 2  # no float32

    assert threshold_scores([0, 1], np.array([low, high]), halfway)["accuracy"] == 1


@pytest.mark.parametrize("probabilities", [[0.4, 0.4, 0.4, 0.4], [0.9, 0.8, 0.2, 0.1], [0.0, 0.0, 0.0, 0.0]])
def test_scores_that_order_nothing_have_every_image_called_malignant(probabilities):
    threshold = youden_threshold([0, 0, 1, 1], probabilities)

    assert math.isfinite(threshold)
    assert threshold_scores([0, 0, 1, 1], probabilities, threshold)["recall"] == 1


@pytest.mark.parametrize(
    ("labels", "probabilities", "reason"),
    [
        ([0, 0], [0.1, 0.9], "only benign images"),
        ([1, 1], [0.1, 0.9], "only malignant images"),
        ([0, 1], [0.1, math.nan], "1 of 2 scores not finite"),
        ([], [], "no images"),
    ],
)
def test_without_two_classes_and_finite_scores_there_is_no_threshold(labels, probabilities, reason):
    with pytest.warns(UndefinedMetricWarning, match=reason):
        assert math.isnan(youden_threshold(labels, probabilities))


def test_a_logit_is_refused_as_a_probability_by_row():
    with pytest.raises(ValueError, match=r"probabilities: must lie in 0\.\.1.*Received: -2\.5 in row 1"):
        youden_threshold([0, 1], [0.5, -2.5])
