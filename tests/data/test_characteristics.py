"""Table 1 and the flow of images: counts that a reader can check by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from skinexp.config.schema import Data, DataCard, Phantom
from skinexp.data.card_content import stated
from skinexp.data.characteristics import ALL, COUNT, QUARTILES, Characteristic, characteristics
from skinexp.data.flow import flow
from skinexp.data.sources import registry
from skinexp.data.table import Table


@pytest.fixture
def frame() -> pd.DataFrame:
    """Six images of four lesions of three patients; the second patient has both classes, one image has no age."""
    return pd.DataFrame(
        {
            "image_id": list("abcdef"),
            "label": [0, 0, 0, 1, 1, 0],
            "class": ["nevus", "nevus", "nevus", "melanoma", "melanoma", "keratosis"],
            "group": ["p1", "p1", "p2", "p2", "p2", "p3"],
            "patient_id": ["p1", "p1", "p2", "p2", "p2", "unknown"],
            "lesion_id": ["l1", "l1", "l2", "l3", "l3", "l4"],
            "age_approx": [30.0, 40.0, 50.0, 60.0, 60.0, np.nan],
            "Sex": ["female", "female", "male", "male", "male", None],
            "fitzpatrick": [2.0, 3.0, 3.0, 3.0, 3.0, np.nan],
            "split": ["train", "train", "test", "test", "test", "train"],
        }
    )


def rows(frame: pd.DataFrame) -> dict[str, Characteristic]:
    return {f"{row.name} {row.level}".strip(): row for row in characteristics(frame)}


def test_patients_and_lesions_are_counted_once_in_all_and_in_each_class_that_they_have(frame):
    found = rows(frame)
    assert found["patients"].values["test"] == {"benign": 1, "malignant": 1, ALL: 1}
    assert found["patients"].values[ALL] == {"benign": 2, "malignant": 1, ALL: 2}
    assert found["images without a patient"].values[ALL][ALL] == 1
    assert found["lesions"].values[ALL] == {"benign": 3, "malignant": 1, ALL: 4}
    assert found["images"].values == {
        "train": {"benign": 3, "malignant": 0, ALL: 3},
        "test": {"benign": 1, "malignant": 2, ALL: 3},
        ALL: {"benign": 4, "malignant": 2, ALL: 6},
    }


def test_numbers_have_quartiles_levels_are_counted_and_what_is_missing_is_unknown(frame):
    found = rows(frame)
    age = found["age years"]
    assert (age.statistic, age.column) == (QUARTILES, "age_approx")
    assert age.values[ALL][ALL] == [40, 50, 60]
    assert age.values["train"]["malignant"] is None
    assert found["age unknown"].values[ALL][ALL] == 1
    assert found["sex male"].values["test"] == {"benign": 1, "malignant": 2, ALL: 3}
    assert found["sex unknown"].values["train"] == {"benign": 1, "malignant": 0, ALL: 1}
    assert [name for name in found if name.startswith("skin tone")] == [
        "skin tone 2",
        "skin tone 3",
        "skin tone unknown",
    ]
    assert {row.statistic for row in found.values()} == {COUNT, QUARTILES}


def test_the_class_is_the_diagnosis_if_it_says_more_than_benign_and_malignant(frame):
    assert rows(frame)["diagnosis melanoma"].values[ALL] == {"benign": 0, "malignant": 2, ALL: 2}
    plain = frame.assign(**{"class": ["benign", "benign", "benign", "malignant", "malignant", "benign"]})
    assert rows(plain)["diagnosis not recorded"].values == {}


def test_what_has_no_column_or_no_value_is_listed_as_not_recorded(frame):
    bare = frame[["image_id", "label", "group"]].assign(site="unknown")
    assert list(rows(bare)) == [
        *("patients not recorded", "lesions not recorded", "images", "age not recorded", "sex not recorded"),
        *("site not recorded", "diagnosis not recorded", "skin tone not recorded"),
    ]
    assert rows(bare)["images"].values == {ALL: {"benign": 4, "malignant": 2, ALL: 6}}


def test_the_levels_of_a_characteristic_add_up_to_its_images(frame):
    many = pd.concat([frame.assign(site=f"site {number}") for number in range(30)], ignore_index=True)
    sites = [row for row in characteristics(many) if row.name == "site"]
    assert sites[-1].level == "other values (15)"
    assert sum(row.values["train"]["benign"] for row in sites) == 30 * 3


def test_the_flow_adds_up_from_listed_to_used(frame):
    table = Table("set", frame, bytes, excluded={"lentigo": 7}, left_out={"not drawn (data.limit=6)": 5}, copies=2)
    table = table.without(np.array([True] + [False] * 5), "contradictory labels")
    steps = flow(table)
    assert [(step.step, step.images) for step in steps] == [
        *(("listed", 16), ("left out", 7), ("left out", 5), ("left out", 1), ("added", 2), ("used", 5)),
    ]
    assert steps[0].images - 7 - 5 - 1 + 2 == steps[-1].images == len(table.frame)


def test_images_that_are_not_drawn_and_copies_on_purpose_are_in_the_flow():
    data = Data(phantom=Phantom(images=60, size=32), limit=40, augmented_copies=1)
    steps = flow(registry.load(data, 0))
    assert [(step.step, step.images) for step in steps] == [
        ("listed", 60), ("left out", 20), ("added", 40), ("used", 80)
    ]  # fmt: skip
    whole = flow(registry.load(replace(data, limit=None, augmented_copies=0), 0))
    assert [(step.step, step.images) for step in whole] == [("listed", 60), ("used", 60)]


def test_a_blank_field_is_as_unknown_as_one_that_nobody_stated():
    found = stated(DataCard(devices=" ", dates="2019"))
    assert (found["devices"], found["dates"], found["centres"]) == (None, "2019", None)
