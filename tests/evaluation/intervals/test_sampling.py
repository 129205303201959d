"""What varies from study to study: the images alone, or in a cohort the number of malignant ones as well."""

import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from skinexp.evaluation import Calibrator, EvaluationOptions, OperatingPoint, evaluate, score_differences, wilson
from skinexp.evaluation.intervals.resampling import group_weights

SCRIPTS = Path(__file__).parents[3] / "benchmarks"
LABELS = np.repeat([0, 1], [160, 40])


def external(images=200, seed=0):
    """Predictions of a set as small as PH2: 40 malignant images of 200, probabilities too low."""
    generator = np.random.default_rng(seed)
    label = np.resize(LABELS, images)
    logit = generator.normal(2.0 * label - 2.2, 1.5)
    return pd.DataFrame({"label": label, "logit": logit, "probability": expit(logit)})


def scores(table, sampling, resamples=2_000):
    found = evaluate(
        table, EvaluationOptions(sampling=sampling, resamples=resamples), OperatingPoint(0.3, Calibrator())
    )
    return found.tables["scores"].set_index("score")


def test_resamples_of_a_cohort_have_other_numbers_of_malignant_images_and_the_same_number_of_all():
    weights = {
        sampling: np.concatenate(list(group_weights(LABELS, np.arange(200), 500, 0, sampling=sampling)))
        for sampling in ("case_control", "cohort")
    }
    assert set((weights["case_control"] @ LABELS).tolist()) == {40.0}
    malignant = weights["cohort"] @ LABELS
    assert malignant.std() == pytest.approx(math.sqrt(200 * 0.2 * 0.8), rel=0.15)
    assert set(weights["cohort"].sum(axis=1).tolist()) == {200.0}


def test_images_of_one_patient_are_drawn_together_and_folds_stay_apart_in_a_cohort_too():
    groups, folds = np.repeat(np.arange(50), 4), np.repeat([0, 1], 100)
    weights = np.concatenate(list(group_weights(LABELS, groups, 100, 0, folds, "cohort")))
    assert (weights.reshape(100, 50, 4) == weights.reshape(100, 50, 4)[:, :, :1]).all()
    assert set(weights[:, :100].sum(axis=1).tolist()) == {100.0}


@pytest.mark.parametrize("seed", range(3))
def test_the_calibration_intercept_of_a_small_cohort_has_the_interval_of_the_logistic_regression(seed):
    table = external(seed=seed)
    found = scores(table, "cohort").loc["calibration_intercept"]
    at = expit(table["logit"] + found["estimate"])
    half = 1.96 / math.sqrt((at * (1 - at)).sum())  # Wald: the information of the intercept, the logit being an offset
    assert found["low"] == pytest.approx(found["estimate"] - half, abs=0.3 * half)
    assert found["high"] == pytest.approx(found["estimate"] + half, abs=0.3 * half)
    fixed = scores(table, "case_control").loc["calibration_intercept"]
    assert fixed["high"] - fixed["low"] < 0.8 * 2 * half  # what a study that fixed its classes need not know


@pytest.mark.parametrize(
    "score", ["brier", "log_loss", "net_benefit_chosen", "average_precision", "calibration_intercept"]
)
def test_scores_that_depend_on_the_share_of_malignant_images_vary_more_in_a_cohort(score):
    table = external()
    widths = {
        sampling: (of := scores(table, sampling, 500).loc[score])["high"] - of["low"]
        for sampling in ("cohort", "case_control")
    }
    assert widths["cohort"] > 1.02 * widths["case_control"]


@pytest.mark.parametrize("score", ["roc_auc", "recall_chosen", "specificity_chosen"])
def test_scores_within_classes_have_the_same_interval(score):
    table = external()
    assert scores(table, "cohort", 50).loc[score].equals(scores(table, "case_control", 50).loc[score])


def test_predictive_values_of_a_cohort_have_wilsons_interval():
    table = external()
    predicted = table["probability"] >= 0.3
    found = scores(table, "cohort", 50).loc["npv_chosen"]
    expected = wilson((table["label"][~predicted] == 0).sum(), (~predicted).sum())
    assert found[["estimate", "low", "high"]].tolist() == pytest.approx(list(expected))
    assert scores(table, "case_control", 50).loc["npv_chosen", "method"] == "bootstrap"


def test_a_cohort_with_hardly_a_malignant_image_has_no_interval_from_resamples_that_lack_them():
    table = external(100).assign(label=np.arange(100) < 2)
    found = scores(table.astype({"label": int}), "cohort", 200)
    assert math.isnan(found.loc["mcc_chosen", "low"])
    assert found.loc["brier", "low"] < found.loc["brier", "high"]


def test_differences_of_two_models_are_drawn_alike():
    tables = {name: external(seed=seed).assign(image_id=np.arange(200), threshold=0.3)
              for seed, name in enumerate("ab")}  # fmt: skip
    widths = {}
    for sampling in ("cohort", "case_control"):
        found = score_differences(tables, resamples=300, sampling=sampling).set_index("score").loc["brier"]
        widths[sampling] = found["high"] - found["low"]
    assert widths["cohort"] != widths["case_control"]


def test_an_unknown_sampling_is_refused():
    with pytest.raises(ValueError, match=r"sampling: must be one of case_control, cohort\. Received: random"):
        EvaluationOptions(sampling="random")


@pytest.mark.slow
def test_intervals_of_a_small_cohort_cover_and_those_with_fixed_classes_do_not(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    specification = importlib.util.spec_from_file_location("sampling", SCRIPTS / "sampling.py")
    script = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, "sampling", script)  # where dataclasses look their module up
    specification.loader.exec_module(script)

    studies, design = 100, script.DESIGNS[0]
    found = script.simulate(design, studies)

    assert script.faults(design, found, studies) == []
    assert found["case_control", "calibration_intercept"] < 0.85  # so the studies can tell
