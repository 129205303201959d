import json
import logging
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hydra.conf import HydraConf
from hydra.types import RunMode
from omegaconf import OmegaConf

from skinexp.core import invocation
from skinexp.core.errors import UserError
from skinexp.core.invocation import Invocation
from skinexp.core.result_file import read_result
from skinexp.runs.job import Job
from skinexp.runs.ownership import DirectoryInUse, is_in_use
from skinexp.sweep import jobs
from skinexp.sweep.manifest import Manifest


@pytest.fixture
def command() -> Invocation:
    """A command in which nothing went wrong yet."""
    return invocation.begin()


def settings(overrides: list[str], directory: Path, sweep: Path | None = None, number: int = 0) -> HydraConf:
    """What Hydra says of the job that it runs."""
    hydra = OmegaConf.structured(HydraConf)
    hydra.mode = RunMode.RUN if sweep is None else RunMode.MULTIRUN
    hydra.overrides.task = overrides
    hydra.runtime.output_dir = str(directory)
    hydra.runtime.choices = {"model": "scratch"}
    hydra.job.num = number
    if sweep is not None:
        hydra.sweep.dir = str(sweep)
    return hydra


def failing(error: Exception | None, directory: Path, sweep: Path | None) -> None:
    with jobs.report_job(Job("seed=1", (), directory, sweep)):
        if error is not None:
            raise error


def test_a_single_run_is_named_by_all_its_overrides(tmp_path):
    job = jobs.job_of(settings(["model=mobilenet", "seed=1"], tmp_path))
    assert job == Job("model=mobilenet seed=1", ("model=mobilenet", "seed=1"), tmp_path)


def test_a_single_run_without_overrides_is_named_by_its_model(tmp_path):
    assert jobs.job_of(settings([], tmp_path)).name == "scratch"


@pytest.mark.parametrize(
    ("varied", "name"),
    [
        (["model"], "model=mobilenet"),
        (["optim.lr", "model"], "model=mobilenet optim.lr=0.001"),
        ([], "experiment=smoke model=mobilenet optim.lr=0.001"),
    ],
)
def test_a_job_of_a_sweep_is_named_by_what_varies_and_knows_its_parent(varied, name, tmp_path):
    Manifest("running", [], varied, {}, command="python ...", parent="0123", key="abcd").save(tmp_path)
    overrides = ["experiment=smoke", "model=mobilenet", "optim.lr=0.001"]
    job = jobs.job_of(settings(overrides, tmp_path / "1", tmp_path, number=1))
    place = {"directory": tmp_path / "1", "sweep": tmp_path}
    assert job == Job(name, tuple(overrides), parent="abcd", parent_run_id="0123", command="python ...", **place)


def test_a_job_of_a_sweep_in_its_second_life_goes_on(tmp_path):
    Manifest("running", [], [], {}, lives=2).save(tmp_path)
    assert jobs.job_of(settings([], tmp_path / "0", tmp_path)).resumed


def test_a_job_that_has_finished_before_is_not_run_again(tmp_path):
    values = {"status": "finished", "metrics": {"val/roc_auc": 0.75}, "config": {"objective": "val/roc_auc"}}
    (tmp_path / "result.json").write_text(json.dumps(values))
    assert jobs.finished(Job("seed=0", (), tmp_path, resumed=True)) == 0.75
    assert jobs.finished(Job("seed=0", (), tmp_path)) is None  # which was not asked to go on


@pytest.mark.parametrize("status", ["running", "failed", "killed"])
def test_a_job_that_has_not_finished_is_run_again(status, tmp_path):
    (tmp_path / "result.json").write_text(json.dumps({"status": status}))
    assert jobs.finished(Job("seed=0", (), tmp_path, resumed=True)) is None


def test_a_job_of_a_sweep_without_overrides_is_named_by_its_number(tmp_path):
    Manifest("running", [], [], {}).save(tmp_path)
    assert jobs.job_of(settings([], tmp_path / "3", tmp_path, number=3)).name == "3"


@pytest.mark.parametrize(
    ("errors", "code"),
    [
        ([None], 0),
        ([UserError("seed: must be at least 0")], 2),
        ([RuntimeError("out of memory")], 1),
        ([UserError("seed: must be at least 0"), None, RuntimeError("out of memory")], 1),
    ],
)
def test_the_exit_code_is_that_of_the_gravest_error(errors, code, tmp_path, command):
    for error in errors:
        failing(error, tmp_path, sweep=tmp_path)
    assert command.exit_code == code


def test_a_users_mistake_is_told_without_its_traceback(tmp_path, command, caplog):
    with caplog.at_level(logging.INFO):
        failing(UserError("seed: must be at least 0"), tmp_path, sweep=tmp_path)
    assert caplog.messages == ["seed: must be at least 0"]
    assert all(record.exc_info is None for record in caplog.records)


def test_a_failure_is_told_by_its_kind_and_its_traceback_goes_to_the_log_alone(tmp_path, command, caplog):
    failing(RuntimeError("out of memory"), tmp_path, sweep=tmp_path)
    told, logged = caplog.records
    assert told.getMessage() == "RuntimeError: out of memory (the traceback is in train.log)"
    assert told.exc_info is None
    assert logged.name == "root"
    assert logged.exc_info[0] is RuntimeError


def test_the_name_of_a_run_does_not_say_that_it_replaced_another(tmp_path):
    assert jobs.job_of(settings(["seed=1", "overwrite=true"], tmp_path)).name == "seed=1"


def test_two_jobs_of_a_sweep_do_not_share_a_directory(tmp_path):
    job = Job("seed=1", (), tmp_path / "sweep" / "scratch", sweep=tmp_path / "sweep")
    with jobs.owned(job):
        assert is_in_use(job.directory)
        with pytest.raises(UserError, match="another command is working"), jobs.owned(job):
            pass
    (job.directory / "result.json").write_text('{"status": "finished"}')
    with pytest.raises(UserError, match=r"hydra.sweep.subdir: several jobs .* hydra.sweep.subdir='\$"), jobs.owned(job):
        pass
    with jobs.owned(replace(job, resumed=True)):
        pass


def test_a_job_that_fails_before_its_result_leaves_its_reason(tmp_path, caplog):
    with pytest.raises(FileNotFoundError), jobs.record_failure(tmp_path):
        Manifest.load(tmp_path / "not_shared")
    result = read_result(tmp_path)
    assert result["status"] == "failed"
    assert result["error"].startswith("FileNotFoundError: [Errno 2] No such file")
    assert caplog.records[-1].exc_info[0] is FileNotFoundError  # in train.log


def test_what_a_job_has_written_about_its_end_stays(tmp_path):
    (tmp_path / "result.json").write_text('{"status": "finished"}')
    with pytest.raises(RuntimeError), jobs.record_failure(tmp_path):
        raise RuntimeError("later")
    assert read_result(tmp_path) == {"status": "finished"}


def test_a_job_that_is_refused_does_not_mark_the_run_of_the_other_process(tmp_path):
    (tmp_path / "result.json").write_text('{"status": "running"}')
    with pytest.raises(UserError), jobs.record_failure(tmp_path):
        raise DirectoryInUse("another command is working here")
    assert read_result(tmp_path) == {"status": "running"}


def test_an_interrupt_is_not_a_failure_of_the_job(tmp_path, command):
    with pytest.raises(KeyboardInterrupt), jobs.report_job(Job("", (), tmp_path, tmp_path)):
        raise KeyboardInterrupt
    assert command.exit_codes == []


def test_what_compiled_code_says_during_a_job_goes_to_its_log(tmp_path, command, capfd):
    with jobs.report_job(Job("seed=1", (), tmp_path, tmp_path)):
        os.write(2, b"oneDNN custom operations are on\n")
    assert "oneDNN" in (tmp_path / "train.log").read_text()
    assert "oneDNN" not in capfd.readouterr().err
