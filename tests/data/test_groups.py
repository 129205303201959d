"""Groups: lesions, patients and copies, joined."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skinexp.core.errors import UserError
from skinexp.data.groups import NOBODY, SOURCE_GROUP, identity_columns, joined, with_groups


def test_a_chain_of_lesions_and_copies_is_one_group():
    groups = pd.Series(["b", "b", "a", "c", "d"], name="group")
    assert joined(groups, np.array([0, 1, 1, 2, 3])).tolist() == ["a", "a", "a", "c", "d"]


def test_groups_without_copies_keep_their_names():
    groups = pd.Series(["lesion 2", "lesion 1", "lesion 2"], index=[5, 6, 7])
    pd.testing.assert_series_equal(joined(groups, np.arange(3)), groups)


def test_a_group_of_many_copies_stays_one():
    assert joined(pd.Series(["a"] * 256 + ["b"]), np.r_[np.zeros(256, int), 0]).nunique() == 1


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=30))
def test_joining_is_the_finest_partition_that_tears_neither_apart(rows):
    groups, clusters = pd.Series([f"g{group}" for group, _ in rows]), np.array([cluster for _, cluster in rows])
    found = joined(groups, clusters).to_numpy()
    members = list(range(len(rows)))
    name = {row: row for row in members}  # by hand: merge until nothing changes
    for _ in members:
        for one in members:
            for other in members:
                if rows[one][0] == rows[other][0] or rows[one][1] == rows[other][1]:
                    name[one] = name[other] = min(name[one], name[other])
    assert all((found[one] == found[other]) == (name[one] == name[other]) for one in members for other in members)


def table(**columns) -> pd.DataFrame:
    """One row per image, with ids i0, i1, ..."""
    images = len(next(iter(columns.values())))
    return pd.DataFrame({"image_id": [f"i{number}" for number in range(images)]} | columns)


def groups_of(frame: pd.DataFrame, wanted: str | None = "auto") -> list[list[str]]:
    """The ids of the images of each group."""
    made = with_groups(frame, wanted).frame
    return [ids["image_id"].tolist() for _, ids in made.groupby("group", sort=False)]


def test_lesions_and_patients_are_joined():
    frame = table(lesion_id=["L0", "L1", "L2", "L2"], patient_id=["P0", "P0", "P1", None])
    assert groups_of(frame) == [["i0", "i1"], ["i2", "i3"]]
    assert with_groups(frame, "auto").grouped_by == "lesion_id or patient_id"


@pytest.mark.parametrize(
    "name",
    ["patient_id", "Patient ID", "patient", "PATIENT", " subject ", "subject-id", "participant", "case_num", "group"],
)
def test_a_second_column_of_identities_is_never_hidden_by_lesions(name):
    assert groups_of(table(lesion_id=["a", "b", "c"], **{name: ["1", "1", "2"]})) == [["i0", "i1"], ["i2"]]


def test_equal_values_of_a_lesion_and_a_patient_are_two_identities():
    assert groups_of(table(lesion_id=["1", "2"], patient_id=["2", "3"])) == [["i0"], ["i1"]]


@pytest.mark.parametrize("value", [*sorted(NOBODY), "Unknown", " N/A ", "NaN", None, float("nan")])
def test_nobody_is_no_patient(value):
    frame = table(patient_id=[value, value, "P", "P"])
    assert groups_of(frame) == [["i0"], ["i1"], ["i2", "i3"]]
    assert with_groups(frame, "auto").frame["patient_id"].isna().tolist() == [True, True, False, False]


def test_an_image_of_nobody_is_not_in_the_group_that_has_its_id_as_a_name():
    assert groups_of(table(patient_id=["i1", "?", "i1"])) == [["i0", "i2"], ["i1"]]


def test_a_column_that_adds_nothing_is_not_said_to_make_the_groups():
    frame = table(group=["L0", "L0", "i2"], lesion_id=["L0", "L0", None])
    assert with_groups(frame, "auto").grouped_by == "group"
    assert with_groups(frame, "auto").frame["group"].tolist() == ["L0", "L0", "i2"]


def test_a_column_lesion_that_holds_diagnoses_makes_no_groups():
    frame = table(lesion=["nevus", "melanoma"] * 30, patient_id=[f"P{number // 2}" for number in range(60)])
    assert identity_columns(frame) == {"patient_id": "patient"}
    assert len(groups_of(frame)) == 30


def test_the_sources_groups_are_known_to_the_audit_if_another_column_is_named():
    made = with_groups(table(group=["g", "g"], lesion_id=["a", "b"]), "lesion_id").frame
    assert (made["group"].tolist(), made[SOURCE_GROUP].tolist()) == (["a", "b"], ["g", "g"])


def test_a_named_column_is_found_in_any_case_of_its_letters_or_refused():
    assert groups_of(table(Clinic=["x", "x", "y"]), "clinic") == [["i0", "i1"], ["i2"]]
    with pytest.raises(UserError, match=r"^data\.split\.group: the data has no column 'clinc'\. It has: .*Clinic"):
        with_groups(table(Clinic=["x"]), "clinc")
