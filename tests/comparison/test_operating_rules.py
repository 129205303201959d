"""By which rule a threshold was chosen, and what Youden's rule assumes."""

import pytest

from skinexp.comparison.operating_rules import threshold_sentences
from tests.report.runs import outputs, predicted


def run(name="one", rule="youden", benign=80, malignant=20, **entries):
    counts = {"val": {"benign": benign, "malignant": malignant}}
    values = {
        "config": {"evaluate": {"threshold": rule, "calibration": "temperature"}},
        "metrics": {"threshold/chosen": 0.3},
        "data": {"counts": counts},
    }
    return outputs(name, values | entries)


def test_youdens_rule_says_what_a_missed_malignant_lesion_costs():
    rule, assumption = threshold_sentences([run(), run("two")])
    assert rule == (
        "Operating threshold: rule youden on calibrated probabilities (temperature) of the validation images."
    )
    assert "with 20 % malignant validation images" in assumption
    assert "a missed malignant lesion costs as much as 4 false positives" in assumption
    assert "evaluate.threshold=sensitivity:0.95" in assumption


def test_the_share_is_that_of_the_validation_images_that_are_there():
    values = {"config": {"evaluate": {"threshold": "youden"}}, "metrics": {"threshold/chosen": 0.3}}
    _, assumption = threshold_sentences([outputs("one", values, predictions=predicted(0, 1.0))])
    assert "with 50 % malignant validation images" in assumption
    assert "costs as much as 1 false positive. " in assumption


@pytest.mark.parametrize("others", [{"benign": 50, "malignant": 50}, {"benign": 0, "malignant": 0}])
def test_without_one_share_the_assumption_has_no_number(others):
    *_, assumption = threshold_sentences([run(), run("two", **others)])
    assert "as many false positives as there are benign validation images for each malignant one" in assumption


def test_other_rules_assume_nothing_of_the_kind():
    (sentence,) = threshold_sentences([run(rule="sensitivity:0.9"), run("two", rule="cost:10")])
    assert sentence.startswith("Operating thresholds: one: rule sensitivity:0.9 on calibrated probabilities")
    assert "; two: rule cost:10" in sentence


def test_runs_without_a_threshold_or_a_rule_say_nothing():
    assert threshold_sentences([run(metrics={}), run(config={})]) == []
