"""Sensitivity by malignant diagnosis, specificity by benign one."""

import math

import numpy as np
import pandas as pd
import pytest

from skinexp.evaluation import EvaluationOptions, OperatingPoint, evaluate, grouped_wilson
from skinexp.evaluation.by_diagnosis import diagnosis_column, scores_by_diagnosis, worst_diagnoses
from skinexp.evaluation.decision.calibration import Calibrator

KINDS = {  # diagnosis -> label, images, of which so many are predicted malignant
    "melanoma": (1, 18, 8),
    "basal cell carcinoma": (1, 40, 36),
    "squamous cell carcinoma": (1, 4, 0),
    "nevus": (0, 90, 9),
    "seborrheic keratosis": (0, 30, 12),
}


@pytest.fixture
def scored():
    rows = [
        {"label": label, "calibrated": 0.8 if number < hits else 0.1, "threshold": 0.5, "dx": diagnosis}
        for diagnosis, (label, images, hits) in KINDS.items()
        for number in range(images)
    ]
    return pd.DataFrame(rows).assign(group=lambda table: np.arange(len(table)) // 2)


def test_each_diagnosis_has_the_score_of_its_class_with_its_interval(scored):
    table = scores_by_diagnosis(scored).set_index("diagnosis")

    assert list(table.index) == [
        "basal cell carcinoma", "melanoma", "squamous cell carcinoma", "nevus", "seborrheic keratosis"
    ]  # fmt: skip
    melanoma = table.loc["melanoma"]
    assert (melanoma["class"], melanoma["score"], melanoma["images"], melanoma["groups"]) == (
        "malignant", "recall", 18, 9
    )  # fmt: skip
    part = scored[scored["dx"] == "melanoma"]
    expected = grouped_wilson(part["calibrated"] >= 0.5, part["group"])
    assert melanoma[["estimate", "low", "high"]].tolist() == pytest.approx(list(expected))
    assert melanoma["adjusted_low"] < melanoma["low"] < melanoma["high"] < melanoma["adjusted_high"]
    assert table.loc["nevus", "score"] == "specificity"
    assert table.loc["nevus", "estimate"] == pytest.approx(0.9)


def test_the_worst_diagnosis_is_one_with_enough_images(scored):
    worst = worst_diagnoses(scores_by_diagnosis(scored))
    assert worst["diagnosis"].tolist() == ["melanoma", "seborrheic keratosis"]
    assert worst["among"].tolist() == [3, 2]
    assert worst_diagnoses(scores_by_diagnosis(scored[scored["dx"] != "melanoma"]))["score"].tolist() == [
        "specificity"
    ]  # of the malignant ones a single one has enough


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"diagnosis": ["a", "b", "c"]}, "diagnosis"),
        ({"Diagnosis 3": ["a", "b", "c"], "diagnosis_1": ["x", "y", "z"]}, "Diagnosis 3"),
        ({"diagnosis_1": ["x", "y", "y"], "diagnosis_3": ["a", "b", "c"]}, "diagnosis_3"),
        ({"diagnosis": ["benign", "malignant", "benign"]}, None),
        ({"dx_type": ["a", "b", "c"], "sex": ["f", "m", "x"]}, None),
        ({"dx": [1, 2, 3]}, None),
    ],
)
def test_a_column_of_diagnoses_has_a_usual_name_and_more_than_two_words(columns, found):
    assert diagnosis_column(pd.DataFrame(columns)) == found


def test_images_without_a_diagnosis_or_with_both_labels_have_rows_of_their_own(scored):
    scored.loc[scored["dx"] == "nevus", "dx"] = None
    scored.loc[scored.index[:5], "dx"] = "seborrheic keratosis"
    rows = scores_by_diagnosis(scored).set_index(["diagnosis", "class"])["images"].to_dict()
    assert rows["unknown", "benign"] == 90
    assert (rows["seborrheic keratosis", "benign"], rows["seborrheic keratosis", "malignant"]) == (30, 5)


def test_without_a_threshold_or_a_diagnosis_there_is_nothing_to_say(scored):
    unknown = scores_by_diagnosis(scored.assign(threshold=math.nan))
    assert unknown[["estimate", "low", "adjusted_high"]].isna().all(axis=None)
    assert worst_diagnoses(unknown).empty
    assert scores_by_diagnosis(scored.drop(columns="dx")).empty


def test_an_evaluation_has_the_table_and_no_subgroups_of_one_class(scored):
    table = scored.assign(probability=scored["calibrated"], sex=np.tile(["f", "m"], len(scored) // 2))
    table["logit"] = np.log(table["probability"] / (1 - table["probability"]))
    point = OperatingPoint(0.5, Calibrator())
    tables = evaluate(table.drop(columns=["calibrated", "threshold"]), EvaluationOptions(resamples=20), point).tables
    pd.testing.assert_frame_equal(tables["diagnoses"], scores_by_diagnosis(scored))
    assert tables["subgroups"]["column"].unique().tolist() == ["sex"]
