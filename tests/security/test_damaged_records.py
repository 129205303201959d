"""Damaged records of runs and sweeps: what is whole is used, and one sentence says what is not."""

import json
from dataclasses import asdict
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest

from skinexp import tracking
from skinexp.comparison.analyse import analyse
from skinexp.core import run_files
from skinexp.core.errors import UserError
from skinexp.core.invocation import Invocation
from skinexp.core.result_file import damage_of, mark_interrupted, read_result
from skinexp.core.strict_json import read_json
from skinexp.runs import ownership, written_files
from skinexp.runs.job import Job
from skinexp.runs.run_outputs import read_outputs
from skinexp.runs.run_summary import RunSummary, read_summary
from skinexp.sweep import jobs
from skinexp.sweep.manifest import Manifest
from skinexp.sweep.sweep_run import Sweep, end
from skinexp.tracking.outbox import Delivered, Outbox
from tests.report.runs import maps, predicted, write_run
from tests.security.damage import Damage, become_directory, cut, empty, flip_first, lengthen, remove, zero

UNREADABLE = (empty, cut, zero, lengthen, become_directory)
OTHER_TYPES = (None, True, 7, -1.5, "words", [], ["words", 7], {}, {"key": [7]}, 10**400)


@pytest.fixture
def run(tmp_path) -> Path:
    """The directory of a finished run with each file that a comparison reads."""
    directory = tmp_path / "run"
    write_run(directory, "model=good", predicted(0, 1.0), maps([f"image_{number:03}" for number in range(200, 204)]))
    found = [{"name": "constant", "severity": "warning", "sentence": "One image is constant", "count": 1}]
    (directory / run_files.AUDIT).write_text(json.dumps({"mode": "quick", "images": 9, "findings": found}))
    (directory / run_files.EVIDENCE).mkdir()
    scores = {"score": ["roc_auc"], "estimate": [0.8], "low": [0.7], "high": [0.9], "method": ["DeLong"]}
    pd.DataFrame(scores).to_csv(directory / run_files.EVIDENCE / "scores.csv", index=False)
    return directory


# result.json


@pytest.mark.parametrize("damage", UNREADABLE)
def test_a_damaged_result_is_a_failed_run_that_says_why(damage: Damage, run):
    damage(run / run_files.RESULT)
    assert read_result(run) == {}
    assert damage_of(run)
    found = read_outputs(run)
    assert (found.status, found.name) == ("failed", "run")
    assert found.error.startswith("result.json cannot be read: it ")
    with pytest.raises(UserError, match=r"result\.json is damaged: "):
        read_summary(run)
    assert analyse([found]).finished == []


@pytest.mark.parametrize("text", ['"words"', "7", "[1]", "null", "[" * 100_000, '{"status": "finished"'])
def test_json_that_is_no_result_is_refused_with_the_reason(text, tmp_path):
    (tmp_path / run_files.RESULT).write_text(text)
    with pytest.raises(ValueError, match=r"^it (holds|is) "):
        read_json(tmp_path / run_files.RESULT)
    assert read_outputs(tmp_path).status == "failed"


@pytest.mark.parametrize("value", [True, 7, "words", ["words", 7], {"key": [7]}], ids=str)
def test_a_result_with_a_key_of_another_type_is_compared_without_it(value, run):
    whole = read_result(run)
    for key in whole:
        (run / run_files.RESULT).write_text(json.dumps(whole | {key: value, "a key of another version": value}))
        found = read_outputs(run)
        analyse([found])
        if found.finished:
            assert found.predictions is not None
            named = [file for file in found.unreadable if not file.startswith(f"result.json ({key}")]
            assert named == [run_files.HISTORY] * (key == "epochs" and value == 7)  # which has six


def test_a_result_with_a_key_less_is_compared_without_it(run):
    whole = read_result(run)
    for key in whole:
        (run / run_files.RESULT).write_text(json.dumps({name: value for name, value in whole.items() if name != key}))
        analyse([read_outputs(run)])


def test_the_fields_of_another_type_are_named_with_their_section():
    values = {"status": 5, "metrics": {"a": 1, "b": None}, "seconds": {"total": "long"}, "data": {"images": "many"}}
    assert RunSummary.unusable_fields(values) == ("status", "seconds", "data.images")
    found = RunSummary.from_dict(values)
    assert (found.status, found.data.images, found.metrics["a"]) == ("unknown", None, 1.0)


def test_a_damaged_result_does_not_hide_that_a_directory_is_used(run):
    cut(run / run_files.RESULT)
    with pytest.raises(UserError, match=r"^hydra\.run\.dir: .* already holds a run \(interrupted\)"):
        ownership.take_directory(run, "hydra.run.dir", overwrite=False)


def test_a_job_whose_result_is_damaged_is_run_again_and_that_is_said(run, caplog):
    cut(run / run_files.RESULT)
    assert jobs.finished(Job("", (), run, run.parent, resumed=True)) is None
    assert caplog.messages[0].startswith(f"Damaged   {run / run_files.RESULT}: the run is repeated, as it is no JSON")


@pytest.mark.parametrize("value", OTHER_TYPES, ids=lambda value: str(value)[:9])
def test_the_score_of_a_damaged_result_is_unknown(value):
    for values in ({"metrics": value}, {"metrics": {"a": value}, "config": {"objective": "a"}}, {"config": value}):
        assert isinstance(jobs.score(values), float)


def test_the_end_of_a_run_is_written_over_a_damaged_result(run):
    cut(run / run_files.RESULT)
    assert mark_interrupted(run, "killed")
    assert read_result(run)["status"] == "killed"


# Tables and arrays

FILES = (run_files.PREDICTIONS, run_files.HISTORY, run_files.MAPS, run_files.AUDIT, f"{run_files.EVIDENCE}/scores.csv")


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_table_costs_itself_only_and_is_named(name, run):
    file = run / name
    whole = file.read_bytes()
    for damage in (empty, zero, become_directory, cut):
        damage(file)
        found = read_outputs(run)
        assert (found.finished, found.unreadable) == (True, (name,)), damage
        analyse([found])
        if file.is_dir():
            (file / "inside").rmdir()
            file.rmdir()
        file.write_bytes(whole)
    assert read_outputs(run).unreadable == ()


@pytest.mark.parametrize(
    ("column", "value"), [("label", 2), ("split", "attic"), ("logit", "high"), ("probability", None), ("label", None)]
)
def test_predictions_of_another_kind_are_left_out(column, value, run):
    predicted(0, 1.0).assign(**{column: value}).to_parquet(run / run_files.PREDICTIONS)
    found = read_outputs(run)
    assert found.unreadable == (run_files.PREDICTIONS,)
    analyse([found])


def test_a_flipped_bit_in_the_predictions_is_found(run):
    table = predicted(0, 1.0)
    file = run / run_files.PREDICTIONS
    table.to_parquet(file, index=False, write_page_checksum=True, compression=None)
    content = bytearray(file.read_bytes())
    position = content.index(np.float64(table["logit"].iloc[5]).tobytes())
    content[position + 6] ^= 1
    file.write_bytes(content)
    assert read_outputs(run).unreadable == (run_files.PREDICTIONS,)


def test_a_history_with_words_for_numbers_is_left_out(run):
    file = run / run_files.HISTORY
    pd.read_csv(file).assign(**{"val/loss": "low"}).to_csv(file, index=False)
    assert read_outputs(run).unreadable == (run_files.HISTORY,)


@pytest.mark.parametrize(
    "findings", [None, 7, [7], [{}], [{"severity": 1, "sentence": "a"}], [{"severity": "note", "sentence": None}]]
)
def test_an_audit_of_another_kind_is_left_out(findings, run):
    (run / run_files.AUDIT).write_text(json.dumps({"images": 9, "findings": findings}))
    found = read_outputs(run)
    assert found.unreadable == (run_files.AUDIT,)
    assert analyse([found]).data_warnings == []


@pytest.mark.parametrize("name", ["../../precious", "/etc/precious", "*", "a/b", "", ".."])
def test_the_findings_of_an_audit_name_no_file_elsewhere(name, run):
    for place in (run.parent, run, run / written_files.AUDIT_TABLES):
        place.mkdir(exist_ok=True)
        (place / "precious.csv").write_text("1")
    (run / run_files.AUDIT).write_text(json.dumps({"findings": [{"name": name}]}))
    assert not [file for file in written_files.find(run) if file.suffix == ".csv" and "precious" in file.name]


# sweep.json

SWEEP = Manifest("killed", ["model=scratch,mobilenet"], ["model"], {"uri": "sqlite:///mlflow.db"}, settings=["a=1"])


@pytest.mark.parametrize("damage", UNREADABLE)
def test_a_damaged_manifest_is_refused_with_what_can_still_be_done(damage: Damage, tmp_path):
    SWEEP.save(tmp_path)
    damage(tmp_path / run_files.SWEEP)
    with pytest.raises(UserError, match=r"sweep\.json is damaged: .*skinexp\.compare .*another directory$") as refusal:
        Manifest.load(tmp_path)
    assert str(tmp_path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("value", OTHER_TYPES, ids=lambda value: str(value)[:9])
def test_a_manifest_with_a_key_of_another_type_is_used_without_it(value, tmp_path):
    for key in asdict(SWEEP):
        (tmp_path / run_files.SWEEP).write_text(json.dumps(asdict(SWEEP) | {key: value, "of another version": value}))
        if key == "overrides" and value != []:
            with pytest.raises(UserError, match="overrides is missing"):
                Manifest.load(tmp_path)
            continue
        found = Manifest.load(tmp_path)
        assert all(isinstance(word, str) for word in (*found.overrides, *found.settings, *found.varied, found.place))
        assert isinstance(found.tracking, dict)
        assert isinstance(found.lives, int)
        assert found.status in ("killed", "words", "interrupted")


def test_a_manifest_with_a_key_less_is_used_without_it(tmp_path):
    for key in asdict(SWEEP):
        values = {name: value for name, value in asdict(SWEEP).items() if name != key}
        (tmp_path / run_files.SWEEP).write_text(json.dumps(values))
        if key != "overrides":
            assert Manifest.load(tmp_path).overrides == SWEEP.overrides


def test_a_manifest_that_is_damaged_while_its_sweep_runs_costs_nothing(run, tmp_path):
    SWEEP.save(tmp_path)
    sweep = Sweep(tmp_path, Mock(spec=tracking.TrackedRun, id="parent"), Manifest.load(tmp_path))
    run.rename(tmp_path / "0")
    (tmp_path / "0" / run_files.TRAIN_LOG).touch()
    cut(tmp_path / run_files.SWEEP)
    end(sweep, "finished", Invocation())
    assert Manifest.load(tmp_path).jobs[0]["status"] == "finished"


# The outbox


@pytest.fixture
def outbox(tmp_path) -> Outbox:
    box = Outbox(tmp_path)
    box.create()
    box.append("run", key="1", uri="sqlite:///a.db", cwd="/", experiment="a", name="a", parent=None, tags={}, time=1)
    box.append("metrics", values={"val/loss": 0.5}, step=1, time=1)
    box.append("status", status="FINISHED", time=2)
    return box


LINES = (
    *("7", "[]", "null", "{}", '{"kind": []}', '{"kind": "of another version"}', "[" * 100_000, "\x00"),
    '{"kind": "tags", "values": []}', '{"kind": "status", "status": "FINISHED", "time": "late"}',
    '{"kind": "file", "path": 7}',
)  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_a_line_that_is_no_record_costs_itself_only(line, outbox):
    file = outbox.directory / "records.jsonl"
    first, *others = file.read_text().splitlines(keepends=True)
    file.write_text("".join([first, f"{line}\n", *others]))
    assert [record["kind"] for record, _ in outbox.read()] == ["run", "metrics", "status"]
    assert (outbox.closed, outbox.opening["key"]) == (True, "1")


@pytest.mark.parametrize(
    "content", ["", "?\n", '{"kind": "run"}\n', '{"kind": "status", "status": "KILLED", "time": 1}\n']
)
def test_records_without_their_opening_are_refused_in_a_sentence(content, outbox):
    (outbox.directory / "records.jsonl").write_text(content)
    with pytest.raises(UserError, match=r"records\.jsonl is damaged: .* by its directory"):
        _ = outbox.opening


@pytest.mark.parametrize("damage", [*UNREADABLE, remove, flip_first])
def test_a_damaged_progress_of_the_delivery_begins_again(damage: Damage, outbox, caplog):
    end = [offset for _, offset in outbox.read()][-1]
    outbox.note(Delivered(offset=end, checked=end, run_id="abc"))
    assert outbox.left == 0
    damage(outbox.directory / "delivered.json")
    assert outbox.delivered() == Delivered(attempted=damage is not remove)
    assert outbox.left == 3
    assert len(caplog.messages) == (damage is not remove) * 2


@pytest.mark.parametrize(
    "entries", [{"offset": 10**6}, {"offset": 5, "checked": 5}, {"checked": "all"}, {"held": 7}, {"offset": None}]
)
def test_a_progress_that_does_not_fit_the_records_begins_again(entries, outbox):
    (outbox.directory / "delivered.json").write_text(json.dumps(asdict(Delivered(run_id="abc")) | entries))
    assert outbox.delivered() == Delivered(attempted=True)


def test_a_progress_of_a_later_version_is_used(outbox):
    (outbox.directory / "delivered.json").write_text(json.dumps(asdict(Delivered(run_id="abc")) | {"new": 1}))
    assert outbox.delivered() == Delivered(run_id="abc")
