"""Table 1, the flow of images and the stated fields in words: on the data card and on the comparison page."""

import json
from dataclasses import asdict, replace

import pandas as pd
import pytest

from skinexp.comparison.cross_validation import _card
from skinexp.config.schema import DataCard
from skinexp.data.audit import Findings
from skinexp.data.card_content import CardContent, card_content
from skinexp.data.characteristics import ALL
from skinexp.data.table import Table
from skinexp.report.pages import data_card
from skinexp.report.pages.table_1 import how_to_state, wide
from skinexp.runs.run_outputs import read_outputs
from tests.report.runs import DAY, compare, in_memory, predicted, words


@pytest.fixture(scope="module")
def table() -> Table:
    frame = pd.DataFrame(
        {
            "image_id": list("abcd"),
            "label": [0, 1, 0, 1],
            "group": list("abcd"),
            "sha256": list("1234"),
            "age": [20, 40, 60, 80],
            "sex": ["female", "<b>", "female", "unknown"],
            "split": ["train", "train", "test", "test"],
        }
    )
    return Table("lesions", frame, bytes, left_out={"cannot be used: truncated": 3})


@pytest.fixture(scope="module")
def content(table) -> CardContent:
    return card_content(table, "DIRECTORY", DataCard(reference_standard="histopathology | all"))


def test_each_part_has_a_column_for_each_class_with_counts_and_shares(content):
    shown = wide(content.table_1)
    assert shown.head == [
        "Characteristic", "training, benign", "training, malignant", "test, benign", "test, malignant",
        "all, benign", "all, malignant", "all, all",
    ]  # fmt: skip
    lines = {row[0]: row[1:] for row in shown.rows}
    assert lines["images"] == ["1", "1", "1", "1", "2", "2", "4"]
    assert lines["age in years, median (quartiles)"][-1] == "50 (35 to 65)"
    assert lines["sex: female"] == ["1 (100%)", "0 (0%)", "1 (100%)", "0 (0%)", "2 (100%)", "0 (0%)", "2 (50%)"]
    assert lines["sex: unknown"][-1] == "1 (25%)"
    assert set(lines["site: not recorded"]) == {"n/a"}


def test_the_card_has_the_flow_table_1_and_what_nobody_stated(table, content):
    card = data_card.render(table, Findings("off", 4), {}, data_card.About("x", "y", {}, {}, content))
    for said in (
        "* 7 listed by the source", "* 3 left out: cannot be used: truncated", "* 4 used",
        "| sex: &lt;b> | 0 (0%) | 1 (100%) |", "* Reference standard: histopathology | all", "* Devices: unknown",
    ):  # fmt: skip
        assert said in card
    assert "reference_standard" not in how_to_state(content.stated)
    assert "data.card.FIELD" in how_to_state(content.stated)


def test_the_file_of_values_is_read_back_as_it_was_written_and_a_damaged_one_is_named(content, tmp_path):
    (tmp_path / "result.json").write_text('{"status": "finished"}')
    (tmp_path / "data_card.json").write_text(json.dumps(asdict(content)))
    assert read_outputs(tmp_path).card == content
    for damaged in (
        {"flow": "long"},
        {"table_1": [{"name": "age", "values": {"all": {"all": "old"}}}]},
        {"table_1": 3},
    ):
        (tmp_path / "data_card.json").write_text(json.dumps(asdict(content) | damaged))
        assert read_outputs(tmp_path).card is None
        assert "data_card.json" in read_outputs(tmp_path).unreadable


def test_the_comparison_page_shows_the_card_of_each_data_set(content, tmp_path):
    run = replace(in_memory("one", predicted(0, 1.0)), card=content)
    text = words(compare([run], tmp_path, day=DAY))
    for said in ("3 left out: cannot be used: truncated", "sex: <b>", "50 (35 to 65)", "Devices unknown"):
        assert said in text
    other = replace(run, name="two", card=replace(content, stated={"devices": "dermatoscope of two"}))
    both = words(compare([run, other], tmp_path, day=DAY))
    assert "dermatoscope of two" in both
    assert "Devices unknown" in both


def test_folds_share_the_images_and_not_their_split(content):
    fold = replace(in_memory("fold", predicted(0, 1.0)), card=content)
    assert {part for row in _card(fold).table_1 for part in row.values} == {ALL}
