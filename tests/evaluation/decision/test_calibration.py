"""Calibrators: what they learn, where there is nothing to learn, and that they can be stored."""

import json
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from skinexp.evaluation import Calibrator, fit_calibrator, probability_scores, reliability_points, wilson


def study(temperature, images=3_000, seed=0):
    """Logits that are `temperature` times too far apart, and their outcomes."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(-0.5, 1.5, images)
    return (generator.random(images) < expit(logits)).astype(int), logits * temperature


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_a_temperature_is_found_again(temperature):
    fitted = fit_calibrator("temperature", *study(temperature, images=20_000))

    assert fitted.parameters["temperature"] == pytest.approx(temperature, rel=0.06)


def test_no_other_temperature_has_a_lower_loss():
    labels, logits = study(3.0)

    def loss(logarithm):
        return log_loss(labels, expit(logits / math.exp(logarithm)))

    best = minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-8})

    fitted = fit_calibrator("temperature", labels, logits)
    assert math.log(fitted.parameters["temperature"]) == pytest.approx(best.x, abs=1e-4)


@pytest.mark.parametrize(("slope", "intercept"), [(0.4, 0.0), (1.0, -1.5), (2.0, 0.7)])
@pytest.mark.parametrize("method", ["logistic", "beta"])
def test_a_slope_and_an_intercept_are_found_again(method, slope, intercept):
    labels, logits = study(1.0, images=20_000)

    fitted = fit_calibrator(method, labels, (logits - intercept) / slope)

    assert fitted.apply((logits - intercept) / slope) == pytest.approx(expit(logits), abs=0.03)


def test_logistic_recalibration_is_the_logistic_regression_of_labels_on_logits():
    labels, logits = study(3.0, images=300)
    regression = LogisticRegression(C=math.inf, tol=1e-10).fit(logits[:, None], labels)

    fitted = fit_calibrator("logistic", labels, logits)

    assert fitted.parameters["slope"] == pytest.approx(regression.coef_[0, 0], rel=1e-4)
    assert fitted.parameters["intercept"] == pytest.approx(regression.intercept_[0], rel=1e-4, abs=1e-5)
    again = probability_scores(labels, fitted.apply(logits))
    assert (again["calibration_slope"], again["calibration_intercept"]) == pytest.approx((1.0, 0.0), abs=1e-6)


@pytest.mark.parametrize("method", ["logistic", "beta"])
@pytest.mark.parametrize("shift", [-2.0, 3.0])
def test_probabilities_that_are_too_low_or_too_high_are_shifted_as_no_temperature_can(method, shift):
    fitted, temperature = (fit_calibrator(name, *_shifted(shift, seed=1)) for name in (method, "temperature"))
    labels, logits = _shifted(shift, seed=2)

    before, shifted, divided = (
        probability_scores(labels, p)["log_loss"]
        for p in (expit(logits), fitted.apply(logits), temperature.apply(logits))
    )

    assert shifted < divided - 0.05
    assert shifted < before - 0.1


def _shifted(shift, seed):
    labels, logits = study(1.0, seed=seed)
    return labels, logits + shift


def test_beta_calibration_is_never_worse_on_its_own_images_than_the_line_that_it_contains():
    labels, logits = study(1.0)
    too_extreme = np.where(logits > 0, 5 * logits, logits)
    loss = {
        method: log_loss(labels, fit_calibrator(method, labels, too_extreme).apply(too_extreme))
        for method in ("logistic", "beta")
    }
    assert loss["beta"] < loss["logistic"] - 0.005


@pytest.mark.parametrize("method", ["logistic", "temperature", "isotonic", "beta"])
def test_calibration_learned_on_validation_helps_on_test(method):
    fitted = fit_calibrator(method, *study(4.0, seed=1))
    labels, logits = study(4.0, seed=2)

    before, after = (probability_scores(labels, p) for p in (expit(logits), fitted.apply(logits)))

    assert after["ece"] < before["ece"] / 2
    assert after["log_loss"] < before["log_loss"]
    assert abs(after["calibration_slope"] - 1) < 0.15 < abs(before["calibration_slope"] - 1)


CASES = st.lists(st.tuples(st.integers(0, 1), st.floats(-50, 50)), min_size=2, max_size=30)


@given(CASES, st.data(), st.sampled_from(["logistic", "isotonic", "beta"]))
def test_calibration_never_turns_two_images_round(cases, data, method):
    labels, logits = np.array(cases).T
    assume(len(set(labels)) == 2)
    fitted = fit_calibrator(method, labels, logits)

    probabilities = fitted.apply(np.sort(data.draw(st.lists(st.floats(-100, 100), min_size=2, max_size=10))))

    assert (np.diff(probabilities) > -1e-12).all()  # interpolation rounds
    if method == "isotonic":
        assert ((probabilities > 0) & (probabilities < 1)).all()  # so few images show no certainty


@given(CASES, st.sampled_from(["logistic", "beta"]))
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_parameters_are_always_finite_and_keep_the_mean_on_their_own_images(cases, method):
    labels, logits = np.array(cases).T
    fitted = fit_calibrator(method, labels, logits)

    assert all(math.isfinite(value) for value in fitted.parameters.values())
    if 0 < labels.mean() < 1:
        assert fitted.apply(logits).mean() == pytest.approx(labels.mean(), abs=1e-3)


@pytest.mark.parametrize("method", ["logistic", "beta"])
@pytest.mark.parametrize("labels", [[0, 0, 0, 1], [1, 1, 0, 0]])  # one threshold separates; all in the wrong order
def test_where_no_slope_is_best_it_is_1_and_the_intercept_alone_is_fitted(method, labels):
    logits = np.array([1.0, 2.0, 3.0, 4.0])
    fitted = fit_calibrator(method, labels, logits)

    shift = logit(fitted.apply(logits)) - logits
    assert shift == pytest.approx(shift[0])
    assert fitted.apply(logits).mean() == pytest.approx(np.mean(labels))


@pytest.mark.parametrize("method", ["logistic", "beta"])
@pytest.mark.parametrize(("labels", "logits"), [([1, 1], [-1, 2]), ([0, 1], [math.nan, 1]), ([], [])])
def test_where_nothing_can_be_learned_probabilities_stay_with_a_warning(method, labels, logits):
    with pytest.warns(UndefinedMetricWarning, match="none is made"):
        fitted = fit_calibrator(method, labels, logits)

    assert fitted.apply([0.3, -2]) == pytest.approx(expit([0.3, -2]))


@pytest.mark.parametrize("method", ["logistic", "beta"])
def test_infinite_logits_have_a_probability(method):
    fitted = fit_calibrator(method, *study(1.0, images=300))
    assert fitted.apply([-math.inf, math.inf]) == pytest.approx([0, 1])


@pytest.mark.parametrize(
    ("labels", "logits", "reason"),
    [
        ([1, 1], [-1, 2], "only malignant images"),
        ([0, 1], [math.nan, 1], "1 of 2 scores not finite"),
        ([], [], "no images"),
    ],
)
def test_where_no_temperature_can_be_learned_it_is_1_with_a_warning(labels, logits, reason):
    with pytest.warns(UndefinedMetricWarning, match=reason):
        fitted = fit_calibrator("temperature", labels, logits)

    assert fitted.apply([0.3]) == pytest.approx(expit([0.3]))


@pytest.mark.parametrize(
    ("labels", "logits"),
    [
        ([0, 0, 1, 1], [-2, -1, 1, 2]),  # all right: the smaller the better
        ([0, 0, 1, 1], [0.0, 0.0, 0.0, 0.0]),
        ([1, 1, 0, 0], [-2, -1, 1, 2]),  # all wrong: the larger the better
    ],
)
def test_where_no_temperature_is_best_it_is_1(labels, logits):
    assert fit_calibrator("temperature", labels, logits).parameters == {"temperature": 1.0}


@given(st.lists(st.tuples(st.integers(0, 1), st.floats(-1e5, 1e5)), min_size=2, max_size=20))
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_a_temperature_is_always_a_number_above_0(cases):
    labels, logits = np.array(cases).T

    temperature = fit_calibrator("temperature", labels, logits).parameters["temperature"]

    assert temperature > 0
    assert math.isfinite(temperature)


def test_isotonic_falls_back_to_none_where_a_class_is_absent():
    with pytest.warns(UndefinedMetricWarning, match="only benign images"):
        assert fit_calibrator("isotonic", [0, 0], [1, 2]) == Calibrator()


@pytest.mark.parametrize("method", ["none", "logistic", "temperature", "isotonic", "beta"])
def test_a_calibrator_survives_being_written_as_json(method):
    fitted = fit_calibrator(method, *study(2.0, images=200))
    logits = np.linspace(-9, 9, 50)

    read = Calibrator.from_dict(json.loads(json.dumps(fitted.to_dict())))

    assert read == fitted
    assert (read.apply(logits) == fitted.apply(logits)).all()


@pytest.mark.parametrize("values", [{"method": "platt"}, {"method": "logistic", "parameters": {"slope": 1.0}}, {}])
def test_a_calibrator_that_lacks_something_is_refused(values):
    with pytest.raises(ValueError, match="must have a method"):
        Calibrator.from_dict(values)


def test_an_unknown_method_is_refused():
    with pytest.raises(
        ValueError, match=r"must be one of none, logistic, temperature, isotonic, beta\. Received: platt"
    ):
        fit_calibrator("platt", [0, 1], [0, 1])


def test_reliability_points_hold_every_image_once_and_make_up_the_calibration_error():
    labels, logits = study(2.0)
    probabilities = expit(logits)

    points = reliability_points(labels, probabilities)

    assert len(points) == 15
    assert points["images"].sum() == len(labels)
    gap = (points["images"] * (points["probability"] - points["malignant"]).abs()).sum() / len(labels)
    assert gap == pytest.approx(probability_scores(labels, probabilities)["ece"])
    inside = (probabilities > 0.2) & (probabilities <= 4 / 15)
    expected = wilson(labels[inside].sum(), inside.sum())
    assert points.loc[3, ["malignant", "low", "high"]].tolist() == pytest.approx(list(expected))


def test_an_empty_bin_has_no_points_and_images_without_a_probability_no_bin():
    points = reliability_points([0, 1, 1], [0.0, 1.0, math.nan])

    assert points["images"].tolist() == [1, *[0] * 13, 1]
    assert points.loc[1:13, ["probability", "malignant", "low", "high"]].isna().all(axis=None)
