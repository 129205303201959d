"""The planned precision of a test part and its subgroups, and the sentence about it."""

import numpy as np
import pandas as pd
import pytest

from skinexp.config.schema import Config, Plan
from skinexp.core.number_format import three_decimals
from skinexp.data.precision import planned_precision, planned_precision_or_reason, precision_sentence
from skinexp.evaluation.intervals.planning import Cases, planned_interval, width
from skinexp.report.pages.precision_table import HEAD, precision_rows, without_interval


def images(malignant: int, benign: int, **columns: object) -> pd.DataFrame:
    label = np.repeat([1, 0], [malignant, benign])
    names = [f"i{number}" for number in range(len(label))]
    return pd.DataFrame({"image_id": names, "label": label, "group": names}).assign(**columns)


def test_the_test_part_comes_first_and_then_each_subgroup_that_the_evaluation_reports():
    sex = np.tile(["female", "male"], 60)
    rows = planned_precision(images(20, 100, sex=sex, patient_id="p", age=np.arange(120.0)), Plan())
    assert [(row.column, row.level) for row in rows[:3]] == [("", "test part"), ("sex", "female"), ("sex", "male")]
    assert (rows[1].malignant, rows[1].benign) == (10, 50)
    assert rows[0].width == width(planned_interval(0.85, Cases(20, 100)))
    assert {row.column for row in rows[3:]} == {"age"}
    assert rows[4].note == "fewer than 10 images of a class"  # all malignant images are in the youngest band
    assert {len(row) for row in precision_rows(rows)} == {len(HEAD)}
    assert [row[0] for row in precision_rows(rows)] == ["test part", "sex female", "sex male", "age 0 to 29.75"]
    assert without_interval(rows).startswith(
        "No interval, because there are fewer than 10 images of a class: age 29.75 to"
    )


def test_the_sentence_names_the_width_and_the_images_for_the_wanted_one():
    plan = Plan(auc=0.9, width=0.2)
    rows = planned_precision(images(20, 100), plan)
    said = precision_sentence(rows, plan)
    assert said.startswith(
        "with 20 malignant and 100 benign test images, a ROC-AUC of 0.9 (plan.auc) would have the 95 % CI "
    )
    assert f"(width {three_decimals(rows[0].width)}, Newcombe)" in said
    assert said.endswith(f"needs {rows[0].malignant_needed:.0f} malignant and {rows[0].benign_needed:.0f} benign")
    assert rows[0].malignant_needed < 20
    assert "over all 5 folds, the width is" in precision_sentence(rows, plan, folds=5)


def test_grouped_images_have_both_bounds():
    frame = images(20, 100)
    frame["group"] = [f"g{number // 4}" for number in range(120)]
    (row,) = planned_precision(frame, Plan())
    assert (row.effective_malignant, row.effective_benign) == (5, 25)
    assert row.effective_width > row.width
    assert row.effective_malignant_needed == pytest.approx(4 * row.malignant_needed, rel=0.02)
    assert "they count like 5.0 malignant and 25.0 benign images" in precision_sentence([row], Plan())


def test_images_that_are_not_split_yet_are_split_as_a_training_would():
    rows, said = planned_precision_or_reason(images(200, 400), Config())
    assert (rows[0].malignant, rows[0].benign) == (30, 60)
    assert said.startswith("with 30 malignant and 60 benign test images")
    none, why = planned_precision_or_reason(images(5, 400), Config())
    assert none == []
    assert why.startswith("unknown, because these images cannot be split: data.split: class malignant has 5 groups")
