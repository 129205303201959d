"""A job's process and its launcher: why a job failed is known, whatever ended it."""

import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.singleton import Singleton
from hydra.core.utils import setup_globals
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, open_dict

from skinexp.config.compose import register
from skinexp.config.conf_files import CONF
from skinexp.core.result_file import read_result
from skinexp.runs.lookup import job_directories
from skinexp.sweep import launcher
from skinexp.sweep.job_main import Task
from skinexp.sweep.job_process import JobProcess
from skinexp.sweep.jobs import SharedDirectory
from skinexp.sweep.machine_share import Places

PATIENCE = 120  # seconds for a process on a busy machine


class NoHooks:
    """Callbacks of a job that do nothing."""

    def on_job_start(self, **kwargs: object) -> None: ...

    def on_job_end(self, **kwargs: object) -> None: ...


def breaks(config: DictConfig) -> None:
    """A task that fails where no run has begun."""
    raise RuntimeError("the manifest is not there")


def task(directory: Path, **changes: object) -> Task:
    register()
    setup_globals()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", [f"hydra.sweep.dir={directory.parent}"], return_hydra_config=True)
    with open_dict(config):
        config.hydra.mode, config.hydra.job.num, config.hydra.job.id = RunMode.MULTIRUN, 0, "0"
        config.hydra.job_logging = config.hydra.hydra_logging
    context = HydraContext(config_loader=None, callbacks=NoHooks())
    facts = {"module": __name__, "function": "breaks", "config": config, "context": context}
    return Task(**facts | {"state": Singleton.get_state(), "directory": directory} | changes)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, "RuntimeError: the manifest is not there"),
        ({"module": "no_such_module"}, "ModuleNotFoundError: No module named 'no_such_module'"),
    ],
)
def test_a_job_that_fails_before_its_run_begins_leaves_its_reason_everywhere(changes, reason, tmp_path):
    process, events, over = JobProcess("seed=1", tmp_path / "0", resumed=False), [], threading.Event()
    job = task(process.directory, **changes)
    process.start(job, 0, Places(1), lambda _, event: events.append(event), lambda _: over.set())
    assert over.wait(PATIENCE)
    assert process.code == 1
    assert read_result(process.directory) == {"status": "failed", "error": reason}
    assert f"{reason} (the traceback is in train.log)" in [event["line"] for event in events]  # the sweep's log
    log = (process.directory / "train.log").read_text()
    assert "Traceback" in log
    assert reason in log


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        (-9, "killed", "signal 9"),
        (-11, "failed", "the process ended of signal 11 (SIGSEGV); see train.log"),
        (1, "failed", "the process ended with code 1; see train.log"),
    ],
)
def test_a_job_that_said_nothing_is_explained_by_how_it_ended(code, status, reason, tmp_path, capsys):
    process = SimpleNamespace(code=code, directory=tmp_path, name="seed=1")
    launcher._record_end(process)
    assert read_result(tmp_path)["status"] == status
    assert reason in read_result(tmp_path)["error"]
    assert f"seed=1 | {read_result(tmp_path)['error']}" in capsys.readouterr().out.replace("\n", "")


def test_jobs_that_would_share_a_directory_are_refused_before_the_first_one(tmp_path):
    launcher._refuse_shared([tmp_path / "0", tmp_path / "1"], resumed=False)
    with pytest.raises(SharedDirectory, match=r"several jobs of the sweep have the directory .*scratch\. Give each"):
        launcher._refuse_shared([tmp_path / "scratch", tmp_path / "scratch"], resumed=False)
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "result.json").write_text("{}")
    launcher._refuse_shared([tmp_path / "0"], resumed=True)


def test_a_sweep_lists_a_job_whose_process_ended_at_once(tmp_path):
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "train.log").touch()
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "result.json").touch()
    assert job_directories(tmp_path) == [tmp_path / "0"]
