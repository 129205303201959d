"""Scores by metadata."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from skinexp.evaluation import auc_interval, grouped_wilson, independent_difference, subgroups


@pytest.fixture
def predictions():
    """600 images of 400 patients; the model is blind on images of the clinic `north`."""
    generator = np.random.default_rng(0)
    patient = generator.integers(0, 400, 600)
    label = generator.integers(0, 2, 400)[patient]
    clinic = generator.choice(["north", "south", "west"], 600)
    logit = generator.normal(np.where(clinic == "north", 0, 3) * (label - 0.5), 1)
    return pd.DataFrame(
        {
            "image_id": [f"i{number}" for number in range(600)],
            "group": patient,
            "split": "test",
            "label": label,
            "logit": logit,
            "probability": expit(logit),
            "clinic": clinic,
            "sex": generator.choice(["f", "m"], 600),
            "age": generator.integers(18, 90, 600).astype(float),
            "patient_id": patient,
            "file": [f"{number}.jpg" for number in range(600)],
            "number": np.arange(600),
            "camera": "one",
        }
    )


def test_columns_that_tell_images_apart_are_no_subgroups(predictions):
    result = subgroups(predictions, 0.5)

    assert result.levels["column"].unique().tolist() == ["clinic", "sex", "age"]


def test_what_a_label_is_made_of_is_no_subgroup(predictions):
    result = subgroups(predictions.assign(abcd_score=predictions["label"] + 1), 0.5)
    assert result.levels["column"].unique().tolist() == ["clinic", "sex", "age"]


def test_a_level_is_scored_as_its_images_alone(predictions):
    part = predictions[predictions["clinic"] == "south"]
    malignant = part[part["label"] == 1]

    row = subgroups(predictions, 0.4).levels.set_index("level").loc["south"]

    assert (row["images"], row["malignant"]) == (len(part), len(malignant))
    area = auc_interval(part["label"], part["logit"], part["group"])
    assert row[["roc_auc", "roc_auc_low", "roc_auc_high"]].tolist() == pytest.approx(list(area))
    share = grouped_wilson(malignant["probability"] >= 0.4, malignant["group"])
    assert row[["recall", "recall_low", "recall_high"]].tolist() == pytest.approx(list(share))


def test_levels_hold_every_image_once(predictions):
    predictions.loc[:49, "age"] = math.nan
    predictions.loc[20:39, "sex"] = None

    levels = subgroups(predictions, 0.5).levels

    assert levels.groupby("column")["images"].sum().tolist() == [600, 600, 600]
    assert levels.groupby("column")["malignant"].sum().nunique() == 1
    assert levels.set_index(["column", "level"]).loc[("age", "unknown"), "images"] == 50


def test_ages_are_cut_into_four_bands_of_about_as_many_images(predictions):
    ages = subgroups(predictions, 0.5, ["age"]).levels

    assert len(ages) == 4
    assert ages["images"].between(120, 180).all()
    assert [level.split(" to ")[0] for level in ages["level"]] == sorted(
        level.split(" to ")[0] for level in ages["level"]
    )


def test_levels_with_an_order_keep_it(predictions):
    tones = np.random.default_rng(1).choice(["dark", "brown", "tan", "light"], 600)
    predictions["tone"] = pd.Categorical(tones, ["dark", "brown", "tan", "intermediate", "light"], ordered=True)

    assert subgroups(predictions, 0.5, ["tone"]).levels["level"].tolist() == ["dark", "brown", "tan", "light"]


def test_a_level_of_few_cases_has_no_area_and_says_so(predictions):
    rare = predictions.index[predictions["label"] == 1][:9]
    predictions.loc[rare, "clinic"] = "rare"

    row = subgroups(predictions, 0.5).levels.set_index("level").loc["rare"]

    assert row["note"] == "too few cases"
    assert math.isnan(row["roc_auc"])
    assert not math.isnan(row["recall"])
    assert math.isnan(row["specificity"])  # there is no benign image


def test_a_gap_that_is_there_is_told_with_its_levels(predictions):
    gap = subgroups(predictions, 0.5).gaps.set_index("column").loc["clinic"]
    levels = subgroups(predictions, 0.5).levels.set_index("level")

    assert gap["worst"] == "north"
    assert gap["gap"] == pytest.approx(levels.loc[gap["best"], "roc_auc"] - levels.loc["north", "roc_auc"])
    assert gap["low"] > 0.2


def test_a_gap_between_two_independent_levels_has_limits_from_both(predictions):
    alone = predictions.drop(columns="group")
    row = subgroups(alone, 0.5, ["sex"]).gaps.iloc[0]

    by_sex = [auc_interval(part["label"], part["logit"]) for _, part in alone.groupby("sex")]
    expected = independent_difference(*sorted(by_sex, reverse=True))
    assert row[["gap", "low", "high"]].tolist() == pytest.approx(list(expected))


def test_a_gap_between_a_level_without_a_mistake_and_one_without_an_answer_is_not_certain():
    label, clinic = np.tile([0, 1], 20), np.repeat(["north", "south"], 20)
    logit = np.where(clinic == "north", label - 0.5, 0.1)
    table = pd.DataFrame({"label": label, "logit": logit, "probability": expit(logit), "clinic": clinic})

    gap = subgroups(table, 0.5).gaps.iloc[0]

    north, south = (auc_interval(part["label"], part["logit"]) for _, part in table.groupby("clinic"))
    assert gap[["gap", "low", "high"]].tolist() == pytest.approx(list(independent_difference(north, south)))
    assert gap["low"] < gap["gap"] - 0.1


def test_levels_that_do_not_differ_seldom_have_a_gap_without_0():
    generator = np.random.default_rng(0)
    found = 0
    for _ in range(200):
        label = generator.integers(0, 2, 300)
        logit = generator.normal(label, 1.0)
        clinic = generator.choice(list("abcde"), 300)
        table = pd.DataFrame({"label": label, "logit": logit, "probability": expit(logit), "clinic": clinic})
        found += subgroups(table, 0.5).gaps["low"].iloc[0] > 0

    assert found / 200 <= 0.08  # picking the extremes of five without correction finds four times as many


def test_without_a_threshold_areas_stand_and_shares_do_not(predictions):
    levels = subgroups(predictions, math.nan).levels

    assert levels["roc_auc"].notna().all()
    assert levels["recall"].isna().all()


def test_a_column_that_is_not_there_is_named(predictions):
    with pytest.raises(ValueError, match="columns are missing: skin_tone"):
        subgroups(predictions, 0.5, ["skin_tone"])


def test_a_table_without_metadata_has_two_empty_tables(predictions):
    result = subgroups(predictions[["image_id", "group", "label", "logit", "probability"]], 0.5)

    assert result.levels.empty
    assert result.gaps.empty
