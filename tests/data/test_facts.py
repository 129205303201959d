"""What skinexp says of a data set: its labels, groups and leaks, each in one sentence."""

import numpy as np
import pandas as pd
import pytest

from skinexp.data.facts import split_facts, table_facts
from skinexp.data.table import Table


def table(grouped_by: str | None = None, joined: bool = False, **columns: object) -> Table:
    frame = pd.DataFrame({"image_id": list("abcd"), "label": [0, 0, 1, 1], "group": list("abcd")}).assign(**columns)
    return Table("set", frame, bytes, grouped_by=grouped_by, joined_with_copies=joined)


def test_classes_are_named_with_their_label():
    assert table_facts(table(**{"class": ["nevus", "nevus", "melanoma", "bcc"]})) == {
        "Labels": "benign: nevus (2); malignant: melanoma (1), bcc (1)"
    }


def test_classes_that_are_called_as_the_labels_need_no_sentence():
    assert table_facts(table(**{"class": ["benign", "benign", "malignant", "malignant"]})) == {}


def test_of_many_classes_the_rare_ones_are_counted():
    classes = [f"kind {number}" for number in range(12) for _ in range(12 - number)]
    frame = pd.DataFrame({"label": 0, "class": classes})
    said = table_facts(Table("set", frame, bytes))["Labels"]
    assert said.startswith("benign: kind 0 (12), kind 1 (11), ")
    assert said.endswith("kind 7 (5), 4 more classes (10)")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (table(), "each image is a group of its own: no column identifies lesions or patients"),
        (
            table(patient_id=list("xxyz")),
            "each image is a group of its own: data.split.group ignores patient_id",
        ),
        (table("lesion_id", lesion_id=list("abcd")), "each image is a group of its own by lesion_id"),
        (
            table("lesion_id or patient_id", group=list("aabc")),
            "3 groups by lesion_id or patient_id, at most 2 images in one; each stays in one part of the split",
        ),
        (
            table(joined=True, group=list("aaab")),
            "2 groups by copies of one photograph, at most 3 images in one; each stays in one part of the split",
        ),
    ],
)
def test_groups_are_counted_and_say_what_ties_them(given, sentence):
    assert split_facts(given, [], copies_known=True)["Groups"] == sentence


def test_what_was_searched_for_across_the_split_is_named():
    known = table("patient_id", patient_id=list("xxyz"))
    assert split_facts(known, [], True)["Leakage"] == (
        "no copies of one photograph and no images of one patient_id are in different parts of the split"
    )
    without_audit = split_facts(known, [], False)["Leakage"]
    assert without_audit == (
        "no images of one patient_id are in different parts of the split; copies were not searched for (data.audit=off)"
    )
    assert split_facts(table(), [], False)["Leakage"] == "copies were not searched for (data.audit=off)"
    assert split_facts(known, ["3 images leak", "4 images too"], True)["Leakage"] == "3 images leak. 4 images too"


def test_a_table_without_labels_of_one_kind_names_the_others():
    only = table(label=np.zeros(4, int), **{"class": ["nevus"] * 4})
    assert table_facts(only)["Labels"] == "benign: nevus (4)"
