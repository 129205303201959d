"""Scores of lesions and patients that have several images."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn import metrics

from skinexp.evaluation import EvaluationOptions, OperatingPoint, evaluate, scores_by_unit, wilson
from skinexp.evaluation.decision.calibration import Calibrator

LESIONS = {  # logits of its images; the first two lesions are malignant
    "a": (1, [2.0, -3.0]),
    "b": (1, [-1.0, -2.0]),
    "c": (0, [-2.0, -1.0, -3.0]),
    "d": (0, [0.5, -2.5]),
    "e": (0, [-1.5]),
}


@pytest.fixture
def scored():
    rows = [
        {"label": label, "logit": logit, "calibrated": expit(logit), "threshold": 0.5, "group": lesion}
        for lesion, (label, logits) in LESIONS.items()
        for logit in logits
    ]
    return pd.DataFrame(rows)


def test_a_lesion_is_predicted_by_any_image_or_by_the_mean_logit(scored):
    table = scores_by_unit(scored).set_index(["rule", "score"])

    assert table["unit"].unique().tolist() == ["group"]
    assert table[["units", "malignant", "images"]].drop_duplicates().to_numpy().tolist() == [[5, 2, 10]]
    assert table.loc[("any image", "recall"), ["estimate", "low", "high"]].tolist() == pytest.approx(list(wilson(1, 2)))
    assert table.loc[("any image", "specificity"), "estimate"] == pytest.approx(2 / 3)
    assert table.loc[("mean logit", "recall"), "estimate"] == 0
    assert table.loc[("mean logit", "specificity"), "estimate"] == 1
    labels = [label for label, _ in LESIONS.values()]
    for rule, combined in (("any image", np.max), ("mean logit", np.mean)):
        scores = [combined(logits) for _, logits in LESIONS.values()]
        assert table.loc[(rule, "roc_auc"), "estimate"] == pytest.approx(metrics.roc_auc_score(labels, scores))


def test_patients_and_lesions_are_units_of_their_own(scored):
    table = scored.assign(
        lesion_id=scored["group"],
        patient_id=scored["group"].map({"a": "p", "b": "q", "c": "p", "d": "q", "e": "r"}),
        group=lambda table: table["patient_id"],
    )
    found = scores_by_unit(table).drop_duplicates("unit").set_index("unit")
    assert found["units"].to_dict() == {"lesion_id": 5, "patient_id": 3}  # the groups are the patients
    assert found["malignant"].to_dict() == {"lesion_id": 2, "patient_id": 2}
    by_patient = scores_by_unit(table).set_index(["unit", "rule", "score"])
    assert by_patient.loc[("patient_id", "any image", "specificity"), "estimate"] == 1  # d is of a malignant patient


def test_single_images_are_no_units(scored):
    assert scores_by_unit(scored.assign(group=np.arange(len(scored)))).empty
    assert scores_by_unit(scored.drop(columns="group")).empty


def test_without_a_threshold_units_are_ranked_alone(scored):
    table = scores_by_unit(scored.assign(threshold=np.nan)).set_index(["rule", "score"])["estimate"]
    assert table.drop(index="roc_auc", level="score").isna().all()
    assert table.xs("roc_auc", level="score").notna().all()


def test_a_threshold_that_predicts_nothing_malignant_does_so_for_units(scored):
    certain = scored.assign(calibrated=1.0, threshold=np.nextafter(1.0, 2.0))
    table = scores_by_unit(certain).set_index(["rule", "score"])["estimate"]
    assert table.xs("recall", level="score").tolist() == [0, 0]
    assert table.xs("specificity", level="score").tolist() == [1, 1]


def test_an_evaluation_scores_the_lesions_of_its_images(scored):
    table = scored.assign(probability=scored["calibrated"]).drop(columns=["calibrated", "threshold"])
    tables = evaluate(table, EvaluationOptions(resamples=20), OperatingPoint(0.5, Calibrator())).tables
    pd.testing.assert_frame_equal(tables["units"], scores_by_unit(scored))


def test_a_column_of_diagnoses_called_lesion_identifies_none(scored):
    many = pd.concat([scored] * 20, ignore_index=True).assign(group=lambda table: np.arange(len(table)))
    assert scores_by_unit(many.assign(lesion=np.where(many["label"] == 1, "melanoma", "nevus"))).empty
    assert not scores_by_unit(many.assign(lesion=np.arange(len(many)) // 2)).empty
