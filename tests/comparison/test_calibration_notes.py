"""Captions say what was calibrated on which images, and whether that helped on test images."""

import math

import pandas as pd
import pytest

from skinexp.comparison.calibration_notes import calibration_notes
from skinexp.comparison.decisions import calibration_sentence, run_decisions
from tests.report.runs import outputs, predicted

LOGISTIC = {"method": "logistic", "parameters": {"slope": 0.8123, "intercept": -0.456}}
COUNTS = {"val": {"benign": 60, "malignant": 30}, "test": {"benign": 1, "malignant": 1}}


def calibrated(low=-0.05, high=-0.01, calibration=LOGISTIC, **entries):
    metrics = {"test/log_loss": 0.43, "test/log_loss_calibrated": 0.4}
    scores = pd.DataFrame([("log_loss_change", -0.03, low, high, "bootstrap")],
                          columns=["score", "estimate", "low", "high", "method"])  # fmt: skip
    values = {"metrics": metrics, "calibration": calibration, "data": {"counts": COUNTS}} | entries
    return outputs("one", values, evidence={"scores": scores}, predictions=predicted(0, 1.0))


def test_a_note_names_the_method_its_numbers_its_images_and_the_change_on_test():
    assert calibration_notes([calibrated()]) == [
        "one: logistic recalibration (slope 0.81, intercept -0.46), fitted on 90 validation images, 30 of them "
        "malignant. Log loss of the test images: 0.430 before, 0.400 after (change -0.030, 95 % CI -0.050 to -0.010, "
        "bootstrap): it helped."
    ]


@pytest.mark.parametrize(
    ("limits", "words"),
    [((-0.05, 0.01), ": not significantly different."), ((0.01, 0.05), ": it did harm."),
     ((math.nan, math.nan), "0.400 after.")],
)  # fmt: skip
def test_a_calibration_that_did_not_help_is_said_to(limits, words):
    (note,) = calibration_notes([calibrated(*limits)])
    assert note.endswith(words)


def test_an_evaluation_was_calibrated_on_the_images_of_its_training():
    (note,) = calibration_notes([calibrated(evaluates={"name": "trained"})])
    assert "fitted on the validation images of its training" in note


def test_a_run_without_calibration_says_so_and_an_old_one_nothing():
    none = {"method": "none", "parameters": {}}
    assert calibration_notes([calibrated(calibration=none), calibrated(calibration={})]) == [
        "one: not calibrated (evaluate.calibration=none)."
    ]


def test_captions_name_the_methods():
    sentence = calibration_sentence(run_decisions([calibrated()]))
    assert sentence == "Probabilities are calibrated by logistic recalibration on validation images."
