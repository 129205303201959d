"""The evaluation pass on predictions of any kind: it never raises, and what it cannot measure is NaN."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.exceptions import UndefinedMetricWarning

from skinexp.evaluation import EvaluationOptions, OperatingPoint, evaluate, fit_calibrator, subgroups
from skinexp.evaluation.intervals.bootstrap import Resampling, bootstrap
from skinexp.evaluation.intervals.jackknife import Error, _interval
from skinexp.evaluation.metrics.collapse_scores import collapse_scores

SATURATED = (1e3, -1e3, 1e-300, 0.0, 50.0, -50.0, 1e300)
ENDLESS = (math.inf, -math.inf, math.nan)
NO_SIGNAL = ((17, 44), (40, 11))  # images and seed of predictions whose slope is all but 0


def usual(images: int, seed: int) -> pd.DataFrame:
    """Predictions of a network that knows nothing."""
    generator = np.random.default_rng(1000 * images + seed)
    logit = generator.normal(0, 1, images) - 0.1
    return pd.DataFrame({"label": np.arange(images) % 2, "logit": logit, "probability": expit(logit)})


@st.composite
def predictions(draw) -> pd.DataFrame:
    """Predictions tables of 0 to 30 images: constant, saturated, of one class, with ties, with tiny groups."""
    images = draw(st.integers(0, 30))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    label = generator.integers(0, 2, images) if draw(st.booleans()) else np.full(images, draw(st.integers(0, 1)))
    kinds = {
        "normal": lambda: generator.normal(label, 1, images),
        "constant": lambda: np.full(images, draw(st.sampled_from(SATURATED))),
        "ties": lambda: np.round(generator.normal(0, 1, images)),
        "saturated": lambda: generator.choice(SATURATED, images),
        "perfect": lambda: (label - 0.5) * draw(st.sampled_from(SATURATED)),
        "endless": lambda: generator.choice([*SATURATED, *ENDLESS], images),
    }
    logit = kinds[draw(st.sampled_from(sorted(kinds)))]()
    split = generator.choice(["val", "test"], images) if draw(st.booleans()) else np.full(images, "test")
    table = pd.DataFrame({"split": split, "label": label, "logit": logit, "probability": expit(logit)})
    if draw(st.booleans()):
        table["group"] = generator.integers(0, draw(st.integers(1, 5)), images).astype(str)
    if draw(st.booleans()):
        table["sex"] = generator.choice(["female", "male", None], images)
        table["thickness"] = generator.choice([math.inf, math.nan, *np.linspace(0, 1, 15)], images)
    return table


@given(
    predictions(),
    st.sampled_from(["youden", "sensitivity:0.9", "cost:10", "1"]),
    st.sampled_from(["none", "logistic", "temperature", "isotonic", "beta"]),
)
@example(usual(17, 44).assign(split="test"), "youden", "none")
@example(usual(2, 0).assign(split="test", logit=[math.inf, math.nan], probability=[1.0, math.nan]), "youden", "beta")
@settings(max_examples=15, deadline=None)
def test_any_predictions_are_evaluated_and_what_is_undefined_is_nan(table, threshold, calibration):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        result = evaluate(table, EvaluationOptions(threshold, calibration, prevalence=0.01, resamples=3))
        point = OperatingPoint(result.operating_threshold, result.calibrator)
        again = evaluate(table, EvaluationOptions(resamples=3), point)
        result.curves, result.confusion_at_half, result.confusion_at_threshold  # noqa: B018 (they are computed)

    for metrics in (result.metrics, again.metrics):
        assert not [name for name, score in metrics.items() if math.isinf(score)]
    labels = table.loc[table["split"] == "test", "label"]
    if labels.nunique() < 2:
        assert math.isnan(result.metrics["test/roc_auc"])


@pytest.mark.parametrize(("images", "seed"), NO_SIGNAL)
def test_the_interval_of_a_slope_that_is_all_but_0_holds_0(images, seed):
    table = usual(images, seed)
    found = bootstrap(*(table[name] for name in table), table.index.astype(str), {"": 0.5}, Resampling(200))
    slope = found.intervals["calibration_slope"]
    assert slope.low < 0 < slope.estimate < slope.high < 10


@pytest.mark.parametrize("estimate", [1e-300, 1e-8])
def test_no_error_of_a_score_is_too_large_for_its_interval(estimate):
    found = _interval("calibration_slope", estimate, Error(1e300, 10.0))
    assert math.isfinite(found.low)
    assert math.isfinite(found.high)


def test_two_levels_of_one_patient_have_a_gap_without_limits():
    table = pd.concat([usual(40, seed).assign(sex=sex) for seed, sex in enumerate(["female", "male"])])
    (gap,) = subgroups(table.assign(group="one patient"), 0.5).gaps.to_dict("records")
    assert gap["gap"] > 0
    assert math.isnan(gap["low"])
    assert math.isnan(gap["high"])


def test_an_infinite_measurement_is_no_band():
    table = usual(40, 0).assign(thickness=[math.inf, -math.inf, *range(38)])
    levels = subgroups(table, 0.5).levels.set_index("level")["images"]
    assert levels.to_dict() == {"0 to 9.25": 10, "9.25 to 18.5": 9, "18.5 to 27.75": 9, "27.75 to 37": 10, "unknown": 2}


def test_logits_too_large_for_their_squares_have_no_spread():
    assert math.isnan(collapse_scores([0.0, 1.0], [-1e300, 1e300])["logit_std"])


@pytest.mark.parametrize("third", [-0.3, -0.30000000000000004, -0.3000000000000001])
def test_a_temperature_is_a_number_where_logits_are_as_good_as_their_negatives(third):
    temperature = fit_calibrator("temperature", [1, 1, 1, 0], [0.1, 0.2, third, 0.0]).parameters["temperature"]
    assert temperature > 0
    assert math.isfinite(temperature)
