"""Scores of probabilities, against scikit-learn's and against what they are known to be."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn import metrics
from sklearn.calibration import calibration_curve
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import LogisticRegression

from skinexp.evaluation import probability_scores

CASES = st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=2, max_size=60)


def study(slope=1.0, shift=0.0, images=4_000):
    """Logits whose outcomes were drawn with the probability of `slope * logit + shift`."""
    generator = np.random.default_rng(0)
    logits = generator.normal(-1, 1.5, images)
    return (generator.random(images) < expit(slope * logits + shift)).astype(int), logits


@given(CASES)
def test_brier_and_log_loss_are_those_of_scikit_learn(cases):
    labels, probabilities = np.array(cases).T
    assume(len(set(labels)) == 2)

    ours = probability_scores(labels, probabilities)

    assert ours["brier"] == pytest.approx(metrics.brier_score_loss(labels, probabilities))
    assert ours["log_loss"] == pytest.approx(metrics.log_loss(labels, probabilities), rel=1e-6)


@given(CASES)
def test_the_calibration_error_is_that_of_scikit_learns_curve(cases):
    labels, probabilities = np.array(cases).T
    assume(len(set(labels)) == 2)
    share, mean = calibration_curve(labels, probabilities, n_bins=15)
    inside = np.bincount(np.searchsorted(np.linspace(0, 1, 16)[1:-1], probabilities))

    expected = (inside[inside > 0] * abs(share - mean)).sum() / len(labels)

    assert probability_scores(labels, probabilities)["ece"] == pytest.approx(expected, abs=1e-9)


def test_the_slope_is_that_of_an_unpenalised_logistic_regression():
    labels, logits = study(slope=0.6, shift=0.3)
    fitted = LogisticRegression(C=np.inf, tol=1e-10).fit(logits[:, None], labels)

    assert probability_scores(labels, expit(logits))["calibration_slope"] == pytest.approx(fitted.coef_[0, 0], rel=1e-5)


def test_the_intercept_makes_the_mean_probability_the_share_of_malignant_images():
    labels, logits = study(slope=0.6, shift=0.3)

    shift = probability_scores(labels, expit(logits))["calibration_intercept"]

    assert expit(logits + shift).mean() == pytest.approx(labels.mean(), abs=1e-9)


@pytest.mark.parametrize(("slope", "shift"), [(1, 0), (0.5, 0), (2, 0), (1, 0.8)])
def test_slope_and_intercept_tell_how_outcomes_were_drawn(slope, shift):
    labels, logits = study(slope, shift, images=40_000)

    scores = probability_scores(labels, expit(logits))

    assert scores["calibration_slope"] == pytest.approx(slope, abs=0.07)
    if slope == 1:
        assert scores["calibration_intercept"] == pytest.approx(shift, abs=0.05)


@pytest.mark.parametrize("probabilities", [[0.1, 0.2, 0.8, 0.9], [0.1, 0.4, 0.4, 0.9], [0.9, 0.8, 0.2, 0.1], [0.3] * 4])
def test_where_a_threshold_separates_the_classes_there_is_no_slope(probabilities):
    scores = probability_scores([0, 0, 1, 1], probabilities)

    assert math.isnan(scores["calibration_slope"])
    assert expit(logit(probabilities) + scores["calibration_intercept"]).mean() == pytest.approx(0.5)


def test_a_certain_and_wrong_image_is_not_infinitely_bad():
    scores = probability_scores([0, 1, 1, 0], [1.0, 0.0, 0.6, 0.4])

    assert all(math.isfinite(scores[name]) for name in ("log_loss", "calibration_intercept", "calibration_slope"))


@given(st.lists(st.tuples(st.integers(0, 1), st.floats(-800, 800)), min_size=2, max_size=30))
def test_extreme_logits_end_in_a_number_or_nan_and_never_in_a_warning(cases):
    labels, logits = np.array(cases).T
    assume(len(set(labels)) == 2)

    scores = probability_scores(labels, expit(logits))

    inside = np.clip(expit(logits), np.finfo(float).eps, 1 - np.finfo(float).eps)
    if not np.isnan(scores["calibration_intercept"]):  # extreme logits may leave none
        assert expit(logit(inside) + scores["calibration_intercept"]).mean() == pytest.approx(labels.mean(), abs=1e-6)


@pytest.mark.parametrize(("labels", "probabilities"), [([0, 0], [0.1, 0.2]), ([0, 1], [math.nan, 0.5]), ([], [])])
def test_what_cannot_be_judged_is_nan_with_a_warning(labels, probabilities):
    with pytest.warns(UndefinedMetricWarning, match="calibration is undefined"):
        assert all(map(math.isnan, probability_scores(labels, probabilities).values()))


def test_logits_are_refused_as_probabilities():
    with pytest.raises(ValueError, match="these look like logits"):
        probability_scores([0, 1], [-2, 3])


def test_log_loss_is_that_of_the_logits_where_float32_probabilities_are_1():
    labels, logits = np.array([0, 1, 1, 0]), np.array([25.0, 30.0, -20.0, -40.0])
    rounded = expit(logits).astype(np.float32)
    expected = np.logaddexp(0, np.where(labels == 1, -logits, logits)).mean()
    assert probability_scores(labels, rounded, logits)["log_loss"] == pytest.approx(expected)
    assert probability_scores(labels, rounded)["log_loss"] != pytest.approx(expected, rel=0.01)


def test_logits_of_other_probabilities_are_not_used():
    labels, logits = study()
    calibrated = expit(0.5 * logits)
    assert probability_scores(labels, calibrated, logits) == probability_scores(labels, calibrated)


def test_the_brier_skill_score_is_0_for_the_share_of_malignant_images_and_1_for_certainty():
    labels = np.repeat([0, 1], [30, 10])
    assert probability_scores(labels, np.full(40, 0.25))["brier_skill_score"] == pytest.approx(0)
    assert probability_scores(labels, labels.astype(float))["brier_skill_score"] == pytest.approx(1)
    half_wrong = probability_scores(labels, np.full(40, 0.75))["brier_skill_score"]
    assert half_wrong == pytest.approx(1 - 0.4375 / 0.1875)  # (0.75² * 30 + 0.25² * 10) / 40, of 0.25 * 0.75


def test_observed_over_expected_is_malignant_images_over_the_sum_of_probabilities():
    assert probability_scores([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4])["observed_expected_ratio"] == pytest.approx(2)
    assert math.isfinite(probability_scores([0, 1], [0.0, 0.0])["observed_expected_ratio"])


def test_the_largest_logits_have_scores():
    scores = probability_scores([0, 1, 0, 1], [0.0, 1.0, 1.0, 0.0], [-1e300, 1e300, 1e300, -50.0])
    assert scores["log_loss"] == pytest.approx(1e300 / 4)
