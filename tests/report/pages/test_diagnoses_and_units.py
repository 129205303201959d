"""Scores by diagnosis, and of lesions and patients, on the comparison page."""

import pandas as pd

from skinexp.comparison.analyse import analyse
from skinexp.comparison.diagnosis_scores import worst_diagnosis_sentences
from skinexp.evaluation.group_level import UNIT_COLUMNS
from tests.report.runs import compare, outputs, words

DIAGNOSES = pd.DataFrame(
    [
        ("dx", "carcinoma", "malignant", "recall", 40, 40, 0.9, 0.77, 0.96, 0.74, 0.97),
        ("dx", "melanoma", "malignant", "recall", 18, 18, 8 / 18, 0.25, 0.66, 0.22, 0.70),
        ("dx", "nevus", "benign", "specificity", 90, 90, 0.9, 0.82, 0.95, 0.82, 0.95),
    ],
    columns=[
        *("column", "diagnosis", "class", "score", "images", "groups", "estimate", "low", "high"),
        *("adjusted_low", "adjusted_high"),
    ],
)
SCORES = pd.DataFrame(
    [("recall_chosen", 0.76, 0.63, 0.85, "Wilson"), ("roc_auc", 0.9, 0.8, 0.95, "Newcombe")],
    columns=["score", "estimate", "low", "high", "method"],
)
UNITS = pd.DataFrame(
    [
        ("lesion_id", rule, score, 90, 30, 148, value, value - 0.1, value + 0.05, "Wilson")
        for rule, values in (("any image", (0.92, 0.87, 0.71)), ("mean logit", (0.93, 0.81, 0.83)))
        for score, value in zip(("roc_auc", "recall", "specificity"), values, strict=True)
    ],
    columns=UNIT_COLUMNS,
)


def run(name="one", validation=0.9, **evidence):
    metrics = {"test/roc_auc": 0.9, "val/roc_auc": validation, "test/recall_chosen": 0.76}
    return outputs(name, {"name": name, "metrics": metrics}, evidence={"scores": SCORES} | evidence)


def test_the_worst_diagnosis_is_named_with_its_interval_and_the_score_of_its_class(tmp_path):
    sentence = (
        "one has its lowest sensitivity at the operating threshold on malignant images with the diagnosis melanoma: "
        "0.444 (8 of 18 images; 95 % CI 0.220 to 0.700, Wilson, Bonferroni-adjusted for 2 diagnoses); on all malignant "
        "images it is 0.760 (95 % CI 0.630 to 0.850)."
    )
    assert worst_diagnosis_sentences([run(diagnoses=DIAGNOSES)]) == [sentence]
    assert sentence in analyse([run(diagnoses=DIAGNOSES)]).verdict
    text = words(compare([run(diagnoses=DIAGNOSES), run("two", 0.8)], tmp_path))
    assert text.count(sentence) == 2  # in the summary, and beside the table
    assert "melanoma sensitivity (malignant) 18 0.444 (0.250 to 0.660)" in text
    assert "nevus specificity (benign) 90 0.900 (0.820 to 0.950)" in text


def test_the_diagnoses_are_those_of_the_run_that_validation_would_choose():
    sentences = worst_diagnosis_sentences([run("low", 0.7, diagnoses=DIAGNOSES), run("high", 0.8, diagnoses=DIAGNOSES)])
    assert [sentence.split()[0] for sentence in sentences] == ["high"]


def test_lesions_stand_beside_images(tmp_path):
    text = words(compare([run(units=UNITS)], tmp_path))
    assert "Lesions and patients" in text
    assert "one image 0 (0) 0.900 (0.800 to 0.950) 0.760 (0.630 to 0.850) n/a" in text
    assert "one lesion_id any image 90 (30) 0.920 (0.820 to 0.970) 0.870 (0.770 to 0.920) 0.710" in text
    assert "one lesion_id mean logit 90 (30) 0.930" in text


def test_without_diagnoses_and_lesions_there_are_no_such_sections(tmp_path):
    text = words(compare([run(diagnoses=DIAGNOSES.iloc[:0], units=UNITS.iloc[:0])], tmp_path))
    assert "by diagnosis" not in text
    assert "Lesions and patients" not in text
