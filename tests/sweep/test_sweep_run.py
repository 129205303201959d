from dataclasses import replace
from unittest.mock import Mock

import pytest

from skinexp import tracking
from skinexp.core.errors import UserError
from skinexp.core.invocation import Invocation
from skinexp.core.strict_json import write_json
from skinexp.runs.run_summary import RunSummary
from skinexp.sweep import sweep_run
from skinexp.sweep.manifest import Manifest
from skinexp.sweep.sweep_run import Sweep, end, job_directories, varied


def test_jobs_come_in_the_order_in_which_they_were_launched(tmp_path):
    for number in (10, 2, 0):
        (tmp_path / str(number) / ".hydra").mkdir(parents=True)
    assert [job.name for job in job_directories(tmp_path)] == ["0", "2", "10"]


def test_directories_that_hold_no_job_are_passed_over(tmp_path):
    (tmp_path / "0" / ".hydra").mkdir(parents=True)
    (tmp_path / "figures").mkdir()
    assert [job.name for job in job_directories(tmp_path)] == ["0"]


def test_jobs_in_named_directories_come_after_numbered_ones(tmp_path):
    for name in ("model=scratch", "1"):
        (tmp_path / name / ".hydra").mkdir(parents=True)
    assert [job.name for job in job_directories(tmp_path)] == ["1", "model=scratch"]


RECIPE = {"model": "efficientnet,mobilenet", "optim.lr": "1e-3,1e-4"}


@pytest.mark.parametrize(
    ("params", "overrides", "keys"),
    [
        ({}, ["model=scratch,mobilenet", "seed=1"], ["model"]),
        (RECIPE, ["experiment=collapse"], ["model", "optim.lr"]),
        (RECIPE, ["experiment=collapse", "model=mobilenet"], ["optim.lr"]),
        (RECIPE, ["optim.lr=range(1,4)", "seed=0,1"], ["model", "optim.lr", "seed"]),
    ],
)
def test_what_varies_stands_in_the_recipe_or_in_the_command_which_has_the_last_word(params, overrides, keys):
    assert varied(params, overrides) == keys


def test_a_sweep_whose_jobs_left_their_files_elsewhere_has_not_finished(tmp_path):
    record = Mock(spec=tracking.TrackedRun)
    with pytest.raises(UserError, match=f"There is no result of any job in .*{tmp_path.name}"):
        end(Sweep(tmp_path, record), "finished", Invocation())
    record.discard.assert_called_once()


def test_a_sweep_that_failed_before_its_first_job_leaves_its_directory_free(tmp_path):
    for name in ("sweep.json", "multirun.yaml", "notes.txt"):
        (tmp_path / name).touch()
    end(Sweep(tmp_path, Mock(spec=tracking.TrackedRun)), "failed", Invocation())
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


def test_a_resumed_sweep_that_fails_before_its_first_job_can_be_resumed_again(tmp_path):
    (tmp_path / "sweep.json").touch()
    end(Sweep(tmp_path, Mock(spec=tracking.TrackedRun), resumed=True), "failed", Invocation())
    assert (tmp_path / "sweep.json").is_file()


def test_a_sweep_that_was_stopped_before_its_first_job_leaves_no_run(tmp_path):
    record = Mock(spec=tracking.TrackedRun)
    end(Sweep(tmp_path, record), "killed", Invocation())
    record.discard.assert_called_once()


def test_a_page_that_fails_costs_no_run_of_a_sweep(tmp_path, monkeypatch, capsys):
    (tmp_path / "0" / ".hydra").mkdir(parents=True)
    summary = RunSummary(status="finished", name="seed=0", metrics={"test/roc_auc": 0.9, "val/roc_auc": 0.8})
    summary = replace(summary, failures={"figures": "the disk is full"}, config={"model": {"name": "scratch"}})
    write_json(tmp_path / "0" / "result.json", summary.to_dict())
    Manifest("running", [], [], {"uri": "sqlite:///mlflow.db"}).save(tmp_path)
    monkeypatch.setattr(sweep_run, "analyse", Mock(side_effect=OverflowError("math range error")))
    record, command = Mock(spec=tracking.TrackedRun, id="the-sweep"), Invocation()
    end(Sweep(tmp_path, record), "finished", command)
    assert record.close.call_args.args[0] == Manifest.load(tmp_path).status == "failed"
    assert command.exit_code == 1
    assert "OverflowError: math range error" in (tmp_path / "traceback.txt").read_text()
    printed = capsys.readouterr().out
    assert "0.900" in printed
    assert "seed=0: failed: figures (the disk is full). The network and the scores are saved" in printed
    assert f"-m skinexp.train -m resume={tmp_path}" in printed
