"""The checklist: all items of TRIPOD+AI, each place that it names, and what it leaves to people."""

import json
import re
from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest

from skinexp.comparison.analyse import analyse
from skinexp.config import Config, reference
from skinexp.config.schema import DataCard
from skinexp.core.temporary import temporary_directory
from skinexp.data.card_content import CardContent
from skinexp.report.checklist.checklist import write_comparison_checklist, write_run_checklist
from skinexp.report.checklist.items import PARTS
from skinexp.report.checklist.places import Directory, Place
from skinexp.report.pages.comparison_files import write_comparison
from skinexp.report.pages.sections import SECTIONS
from skinexp.runs import written_files
from skinexp.runs.run_summary import RunSummary
from tests.report.checklist.links import broken_links, filled_in
from tests.report.gathered import write_sweep

# Collins et al., BMJ 385 (2024) e078378: 27 items, some of them with parts.
LETTERS = {3: "abc", 5: "ab", 6: "abc", 8: "abc", 9: "abc", 12: "abcdefg", 18: "abcdef", 20: "abc", 23: "ab", 27: "abc"}
NUMBERS = [f"{number}{letter}" for number in range(1, 28) for letter in LETTERS.get(number, [""])]
ITEMS = [item for part in PARTS.values() for item in part]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("sweep")
    runs = write_sweep(directory, images=60, resamples=20)
    write_comparison(analyse(runs), directory)
    for run in runs:
        write_run_checklist(run.directory)
    return directory


def test_all_items_are_there_once_and_in_their_order():
    assert [item.number for item in ITEMS] == NUMBERS
    assert len(NUMBERS) == 52


def test_each_item_is_filled_in_by_a_run_or_left_to_people():
    assert [item.number for item in ITEMS if not (item.places or item.people or item.stated)] == []
    assert {name for item in ITEMS for name in item.stated} == set(asdict(DataCard()))


def test_each_place_is_one_that_skinexp_writes():
    places = {place for item in ITEMS for place in item.places}
    at = {file: {place.at for place in places if place.file == file} for file in {place.file for place in places}}
    assert at["comparison.html"] <= {section.id for section in SECTIONS}
    assert {key.split(".")[0] for key in at["result.json"]} <= {item.name for item in fields(RunSummary)}
    known = {option.key for option in reference(Config)}
    keys = {key.removeprefix("config.") for key in at["result.json"] if key.startswith("config.")}
    assert {key for key in keys if not any(name == key or name.startswith(f"{key}.") for name in known)} == set()
    assert at["data_card.json"] <= {item.name for item in fields(CardContent)}
    assert {place.file for place in places} <= {*written_files.FILES}


def test_each_place_that_is_named_exists(sweep):
    for directory in (sweep, sweep / "0"):
        assert len(filled_in(directory)) > 10
        assert broken_links(directory) == []


def test_a_comparison_names_its_page_and_the_first_run_and_counts_the_others(sweep):
    text = (sweep / "checklist.md").read_text()
    assert "[`comparison.html`](comparison.html#scores) `scores`: scores of all runs" in text
    assert "[`0/evidence/scores.csv`](0/evidence/scores.csv): each score with its 95 % CI (and 2 more runs)" in text


def test_what_is_not_there_is_not_named(sweep, tmp_path):
    (tmp_path / "result.json").write_text(json.dumps({"data": {"counts": {}}, "thresholds": {"chosen": None}}))
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "subgroups.csv").write_text("column,level\n")
    write_run_checklist(tmp_path)
    assert filled_in(tmp_path) == []
    assert "0 of 52 items are filled in here" in (tmp_path / "checklist.md").read_text()


def test_a_field_that_people_stated_is_named_and_one_that_they_did_not_is_asked_for(tmp_path):
    stated = asdict(DataCard(dates="2019 to 2021"))
    (tmp_path / "data_card.json").write_text(json.dumps({"stated": stated}))
    write_run_checklist(tmp_path)
    rows = {row.split(" | ")[0].strip("| "): row for row in (tmp_path / "checklist.md").read_text().splitlines()}
    assert "`stated.dates`" in rows["5b"]
    assert "data.card.dates" not in rows["5b"]
    assert "centres: `data.card.centres`" in rows["6a"]


def test_characteristics_that_the_data_do_not_record_are_left_to_people(tmp_path):
    rows = [{"name": "age", "level": "not recorded"}, {"name": "sex", "level": "male"}]
    (tmp_path / "data_card.json").write_text(json.dumps({"table_1": rows}))
    write_run_checklist(tmp_path)
    lines = (tmp_path / "checklist.md").read_text().splitlines()
    assert [line[2:5].strip() for line in lines if "do not record: age" in line] == ["11", "20b", "20c"]
    assert not any("do not record: age, sex" in line for line in lines)


def test_a_damaged_file_fills_in_nothing(tmp_path):
    (tmp_path / "result.json").write_text("{")
    assert not Directory(tmp_path).has(Place("result.json", "data.counts"))
    assert not Directory(tmp_path).has(Place("absent.csv"))


def test_runs_whose_copies_will_be_removed_are_named_by_their_id(sweep, tmp_path):
    place = temporary_directory() / "run"
    runs = [replace(run, directory=place) for run in analyse(write_sweep(place, images=30, resamples=20)[:1]).runs]
    copied = replace(runs[0], directory=place / "0")
    write_comparison_checklist(analyse([copied]), tmp_path)
    text = (tmp_path / "checklist.md").read_text()
    assert f"`evidence/scores.csv` of MLflow run {copied.summary.run_id}:" in text
    assert not re.search(r"\]\([^)]*evidence", text)
