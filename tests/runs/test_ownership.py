"""Whose a directory is: it holds one run, one process works in it, and only what skinexp wrote is ever removed."""

import json
import re
import shlex
from pathlib import Path

import pytest
from filelock import FileLock

from skinexp.core.errors import UserError
from skinexp.core.python_command import python_command
from skinexp.runs import written_files
from skinexp.runs.ownership import DirectoryInUse, is_in_use, lock_directory, take_directory, take_new_directory
from skinexp.runs.run_outputs import EVIDENCE
from skinexp.tracking.outbox import Outbox

KEY = "hydra.run.dir"
OF_A_RUN = (
    "result.json",
    "train.log",
    "model.keras",
    "gradcam.npz",
    "history.csv",
    "predictions.parquet",
    "classification_report_chosen.csv",
    ".hydra/config.yaml",
    ".hydra/overrides.yaml",
    "evidence/scores.csv",
    "figures/gradcam.png",
    "tensorboard/train/events.out.tfevents.1.host.1.0.v2",
    "checkpoints/training.npz",
    "checkpoints/health.json",
    "data_card.md.4711.part",
)


def written(directory: Path, *names: str, mode: str = "RUN") -> Path:
    """A directory with these files, the configuration as Hydra writes it among them."""
    settings = f"hydra:\n  mode: {mode}\n  callbacks:\n    _target_: skinexp.sweep\n"
    for name in (*names, ".hydra/hydra.yaml"):
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(
            {"result.json": '{"status": "failed", "stage": "data"}', ".hydra/hydra.yaml": settings}.get(name, name)
        )
    return directory


def a_run(directory: Path) -> Path:
    return written(directory, *OF_A_RUN)


def a_sweep(directory: Path) -> Path:
    written(directory, "sweep.json", "comparison.html", "multirun.yaml")
    (directory / "sweep.json").write_text('{"status": "running"}')
    for number in range(2):
        written(directory / str(number), *OF_A_RUN, mode="MULTIRUN")
    return directory


def content(directory: Path) -> dict[str, str]:
    return {
        str(file.relative_to(directory)): file.read_text()
        for file in directory.rglob("*")
        if file.is_file() and file.name != ".run.lock"
    }


def test_a_second_process_is_refused_while_the_first_one_works(tmp_path):
    lock = take_directory(tmp_path / "exp", KEY)
    assert is_in_use(tmp_path / "exp")
    for overwrite in (False, True):
        with pytest.raises(DirectoryInUse, match=r"hydra.run.dir: another command is working in .*exp\. Wait until"):
            take_directory(tmp_path / "exp", KEY, overwrite)
    lock.release()
    take_directory(tmp_path / "exp", KEY).release()
    assert not is_in_use(tmp_path / "exp")
    assert not is_in_use(tmp_path / "nowhere")


@pytest.mark.parametrize("make", [a_run, a_sweep])
def test_a_used_directory_is_refused_and_left_as_it_was(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = content(make(tmp_path / "exp"))
    with pytest.raises(UserError) as refused:
        take_directory(tmp_path / "exp", KEY, overwrite=False)
    assert content(tmp_path / "exp") == before
    kind = "a run (failed)" if make is a_run else "a sweep (interrupted)"
    assert str(refused.value).startswith(f"hydra.run.dir: exp already holds {kind}. Continue it: ")
    assert "Replace it: add overwrite=true" in str(refused.value)
    assert not is_in_use(tmp_path / "exp")


def test_the_printed_way_to_continue_can_be_pasted_with_blanks_in_the_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    a_run(tmp_path / "my exp")
    with pytest.raises(UserError) as refused:
        take_directory(tmp_path / "my exp", KEY, overwrite=False)
    (pasted,) = re.findall(r"Continue it: (.+?)\. Replace", str(refused.value))
    assert shlex.split(pasted) == [*shlex.split(python_command()), "-m", "skinexp.train", "resume=my exp"]


@pytest.mark.parametrize("name", ["audit.json", "lr_find.json", "train.log", "mobilenet_v2_1.0_phantom.npz"])
def test_a_directory_with_results_of_any_command_is_used(name, tmp_path):
    written(tmp_path, name)
    with pytest.raises(UserError, match="already holds"):
        take_directory(tmp_path, KEY, overwrite=False)


def test_a_run_that_has_finished_is_not_offered_to_be_continued(tmp_path):
    (a_run(tmp_path) / "result.json").write_text('{"status": "finished"}')
    with pytest.raises(UserError, match=r"a run \(finished\)\. Replace it"):
        take_directory(tmp_path, KEY, overwrite=False)


def test_a_command_without_the_option_advises_another_directory_alone(tmp_path):
    with pytest.raises(UserError, match=r"--output: .* already holds a run \(failed\)\. Name another directory$"):
        take_directory(a_run(tmp_path), "--output")


def test_a_run_that_a_mistake_ended_before_it_began_is_replaced_by_the_corrected_command(tmp_path):
    written(tmp_path, "result.json", "train.log", ".hydra/overrides.yaml")
    (tmp_path / "result.json").write_text('{"status": "failed", "error": "UserError: optim.lr: must be above 0"}')
    take_directory(tmp_path, KEY, overwrite=False).release()
    assert content(tmp_path) == {}


@pytest.mark.parametrize("make", [a_run, a_sweep])
def test_overwriting_removes_what_skinexp_wrote_and_nothing_else(make, tmp_path):
    strangers = ("notes.txt", "figures/mine.png", "evidence/mine.csv", "outbox/mine.txt", "mine/result.json")
    make(tmp_path)
    for name in strangers:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("mine")
    take_directory(tmp_path, KEY, overwrite=True).release()
    assert content(tmp_path) == dict.fromkeys(strangers, "mine")
    assert {folder.name for folder in tmp_path.iterdir() if folder.is_dir()} == {
        "evidence",
        "figures",
        "mine",
        "outbox",
    }


def test_files_of_a_stranger_with_the_names_of_skinexp_are_kept(tmp_path):
    (tmp_path / "history.csv").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(UserError, match=r"has files of something else, [^\n]*Found:\n.*history.csv"):
            take_directory(tmp_path, KEY, overwrite)
    assert content(tmp_path) == {"history.csv": "mine"}


def test_a_linked_file_is_removed_as_a_link(tmp_path):
    (tmp_path / "model.keras").write_text("elsewhere")
    written(tmp_path / "exp", "result.json")
    (tmp_path / "exp" / "model.keras").symlink_to(tmp_path / "model.keras")
    take_directory(tmp_path / "exp", KEY, overwrite=True).release()
    assert content(tmp_path) == {"model.keras": "elsewhere"}


def test_a_sweep_does_not_begin_around_runs_that_it_would_count_as_its_own(tmp_path):
    a_run(tmp_path / "earlier")
    with pytest.raises(UserError, match=r"counted as part of this.*\n.*earlier \(another run\)"):
        take_directory(tmp_path, "hydra.sweep.dir", overwrite=True, is_sweep=True)
    take_directory(tmp_path, KEY).release()  # a single run beside them takes nothing of theirs


def test_a_single_run_that_was_moved_into_a_sweep_is_not_removed_with_it(tmp_path):
    a_run(a_sweep(tmp_path) / "moved")
    with pytest.raises(UserError, match=r"moved \(another run\)"):
        take_directory(tmp_path, "hydra.sweep.dir", overwrite=True, is_sweep=True)


def test_a_sweep_is_not_removed_while_one_of_its_jobs_works(tmp_path):
    before = content(a_sweep(tmp_path))
    with FileLock(tmp_path / "1" / ".run.lock"), pytest.raises(DirectoryInUse, match="another command"):
        take_directory(tmp_path, "hydra.sweep.dir", overwrite=True, is_sweep=True)
    assert content(tmp_path) == before


def test_records_that_the_store_does_not_have_are_not_removed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outbox = Outbox(a_run(tmp_path / "exp"))
    outbox.create()
    outbox.append("run", key="1")
    outbox.append("status", status="FINISHED")
    remedy = f"Deliver them first: {python_command()} -m skinexp.sync exp; or delete exp/outbox"
    with pytest.raises(UserError, match=re.escape(remedy)):
        take_directory(tmp_path / "exp", KEY, overwrite=True)
    delivered = {"run_id": "1", "offset": (tmp_path / "exp" / "outbox" / "records.jsonl").stat().st_size}
    (tmp_path / "exp" / "outbox" / "delivered.json").write_text(json.dumps(delivered))
    take_directory(tmp_path / "exp", KEY, overwrite=True).release()
    assert content(tmp_path) == {}


def test_directories_of_one_name_get_numbers(tmp_path):
    taken = [take_new_directory(tmp_path / "2026-11-30" / "12-30-00", KEY) for _ in range(3)]
    assert [directory.name for directory, _ in taken] == ["12-30-00", "12-30-00-2", "12-30-00-3"]
    assert all(is_in_use(directory) for directory, _ in taken)


def test_a_directory_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    for take in (lock_directory, take_directory, take_new_directory):
        with pytest.raises(UserError, match=r"hydra.run.dir: .*file/exp cannot be written: .*file is a file"):
            take(tmp_path / "file" / "exp", KEY)


def test_each_table_of_an_evaluation_is_known():
    assert set(written_files.EVIDENCE) == set(EVIDENCE)


def test_the_tables_of_an_audit_are_those_that_it_lists(tmp_path):
    written(tmp_path, "audit/torn_copies.csv", "audit/mine.csv")
    (tmp_path / "audit.json").write_text('{"findings": [{"name": "torn_copies"}]}')
    take_directory(tmp_path, KEY, overwrite=True).release()
    assert list(content(tmp_path)) == ["audit/mine.csv"]


@pytest.mark.parametrize(
    ("file", "owner"),
    [
        ("exp/predictions.parquet", "exp"),
        ("exp/evidence/scores.csv", "exp"),
        ("exp/my_predictions.csv", None),
        ("predictions.parquet", None),
    ],
)
def test_a_file_of_a_run_is_known_by_its_name_and_place(file, owner, tmp_path):
    a_run(tmp_path / "exp")
    assert written_files.owner_of(tmp_path / file) == (owner and tmp_path / owner)


@pytest.mark.parametrize("name", ["figures", "evidence", "outbox", "tensorboard/train"])
def test_no_file_is_removed_through_a_link_out_of_the_directory(name, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for file in ("roc.png", "scores.csv", "writer.lock", "events.out.tfevents.1"):
        (elsewhere / file).touch()
    (tmp_path / "exp" / name).parent.mkdir(parents=True)
    (tmp_path / "exp" / name).symlink_to(elsewhere)
    (tmp_path / "exp" / "result.json").write_text('{"status": "finished", "stage": "tracking"}')
    with pytest.raises(UserError, match=f"{name} is a link that leads out of the directory"):
        take_directory(tmp_path / "exp", KEY, overwrite=True)
    assert len(list(elsewhere.iterdir())) == 4
    assert (tmp_path / "exp" / "result.json").is_file()
