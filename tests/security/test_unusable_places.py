"""Places, clocks and limits with which no run comes to its end: one sentence names the key, before anything slow."""

import errno
import os
import resource
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from skinexp import compare
from skinexp.core import machine_limits
from skinexp.core.child_processes import ChildProcess
from skinexp.core.errors import UserError
from skinexp.core.machine_limits import require_machine
from skinexp.core.writable import why_unwritable
from skinexp.runs import ownership
from skinexp.sweep import sweep_run
from skinexp.tracking import mlflow_store
from skinexp.tracking.store_errors import Unavailable

# Directories


@pytest.fixture
def no_writing(monkeypatch) -> None:
    """Directories cannot be written: root, who runs tests in containers, is stopped by no mode."""
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK and allowed(path, mode))


@pytest.mark.parametrize("taken", ["x/run", "x"])
def test_a_file_where_a_directory_is_meant_is_refused_by_the_key(taken, tmp_path):
    (tmp_path / taken).parent.mkdir(exist_ok=True)
    (tmp_path / taken).write_text("?")
    ways = (ownership.take_directory, ownership.take_new_directory)[
        : 1 + (taken == "x")
    ]  # the latter takes a free name
    for take in ways:
        with pytest.raises(UserError, match=r"^hydra\.run\.dir: .* cannot be written: /.* is a file\. Name an"):
            take(tmp_path / "x" / "run", "hydra.run.dir")


@pytest.mark.usefixtures("no_writing")
def test_a_directory_that_cannot_be_written_is_refused_by_the_key(tmp_path):
    for take in (ownership.take_directory, ownership.take_new_directory):
        with pytest.raises(UserError, match=r"^hydra\.sweep\.dir: .* cannot be written: Permission denied"):
            take(tmp_path / "below" / "it", "hydra.sweep.dir")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_writing")
def test_a_comparison_that_cannot_be_written_is_refused_before_it_is_made(tmp_path):
    with pytest.raises(UserError, match=r"^--output: .* cannot be written"):
        compare.compare([str(tmp_path / "no such run")], "sqlite:///mlflow.db", tmp_path / "comparison")
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_nothing_is_no_directory(tmp_path):
    (tmp_path / "x").symlink_to("nowhere")
    assert why_unwritable(tmp_path / "x" / "y") == f"{tmp_path / 'x'} is a link to nothing"
    assert why_unwritable(tmp_path) == ""


@pytest.mark.parametrize("name", ["outbox", "figures", ".hydra", "checkpoints"])
def test_a_file_with_the_name_of_a_folder_of_runs_is_refused(name, tmp_path):
    (tmp_path / name).write_text("?")
    with pytest.raises(UserError, match=rf"^directory: .*{name} is a file, and a run writes a directory of this name"):
        ownership.take_directory(tmp_path, "directory")
    (tmp_path / name).unlink()
    ownership.take_directory(tmp_path, "directory").release()


@pytest.mark.parametrize(
    "name", ["result.json", "train.log", "model.keras", "checkpoints/training.npz", "outbox/writer.lock"]
)
def test_a_folder_with_the_name_of_a_file_of_runs_is_refused(name, tmp_path):
    (tmp_path / name).mkdir(parents=True)
    with pytest.raises(UserError, match=rf"^directory: .*{name} is a directory, and a run writes a file of this name"):
        ownership.take_directory(tmp_path, "directory")


def test_a_file_system_without_locks_is_refused_by_the_key(tmp_path, monkeypatch):
    def no_locks(*arguments, **more) -> None:
        raise NotImplementedError("the file system has no locks")

    monkeypatch.setattr(ownership.FileLock, "acquire", no_locks)
    with pytest.raises(UserError, match=r"^hydra\.run\.dir: .* the file system has no locks"):
        ownership.take_directory(tmp_path, "hydra.run.dir")


# Clocks


@pytest.fixture
def in_1975(monkeypatch) -> None:
    seconds = 5 * 365 * 86_400
    monkeypatch.setattr(machine_limits.time, "localtime", lambda *_: time.gmtime(seconds))


@pytest.mark.usefixtures("in_1975")
def test_a_clock_before_1980_is_refused_before_a_directory_is_made(tmp_path):
    for take in (ownership.take_directory, ownership.take_new_directory):
        with pytest.raises(UserError, match=r"^the clock of this machine says 197\d-\d\d-\d\d: .* 1980\. Set "):
            take(tmp_path / "run", "hydra.run.dir")
    assert list(tmp_path.iterdir()) == []


# Limits of the system


def test_a_machine_as_it_should_be_is_not_refused():
    require_machine()


def test_a_limit_of_open_files_is_refused_with_the_command_that_raises_it(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda which: (20, 20) if which == resource.RLIMIT_NOFILE else (-1, -1))
    with pytest.raises(UserError, match=r"^the limit of open files is too low: .* ulimit -n 1024\. Received: 20$"):
        require_machine()


def test_a_limit_of_processes_is_refused_with_the_command_that_raises_it(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda which: (30, 30) if which == resource.RLIMIT_NPROC else (-1, -1))
    monkeypatch.setattr(os, "getuid", lambda: 12_345)
    with pytest.raises(UserError, match=r"^the limit of processes is too low: .* ulimit -u \d+\. Received: 30$"):
        require_machine()


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOMEM, errno.EMFILE])
def test_a_system_that_starts_no_more_processes_is_explained(number, monkeypatch):
    def refused(*arguments, **more) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(subprocess, "Popen", refused)
    with pytest.raises(UserError, match=r"^data\.workers: the system starts no more processes: .* data\.workers=1"):
        ChildProcess("skinexp.data.preparation.worker", option="data.workers=1")


# A store that another program has locked


def test_a_locked_database_is_refused_at_once_and_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(mlflow_store, "LOCKED", 0.1)
    file = tmp_path / "mlflow.db"
    with sqlite3.connect(file, isolation_level=None) as database:
        database.execute("CREATE TABLE moles (id INTEGER)")
        database.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Unavailable, match=rf"^tracking\.uri: another program has locked {file} .* another file: "):
            mlflow_store.open_store(f"sqlite:///{file}")
        database.execute("ROLLBACK")
        mlflow_store.open_store(f"sqlite:///{file}")
    database.close()


def test_a_file_that_is_no_database_is_left_to_those_who_read_it(tmp_path):
    file = tmp_path / "mlflow.db"
    file.write_bytes(b"no database" * 1000)
    mlflow_store.open_store(f"sqlite:///{file}")
    assert Path(file).read_bytes() == b"no database" * 1000


# A sweep


def test_a_sweep_whose_cache_cannot_be_used_is_refused_before_its_first_job(tmp_path):
    (tmp_path / "cache").write_text("?")
    composed = OmegaConf.create({"data": {"cache": str(tmp_path / "cache")}})
    with pytest.raises(UserError, match=r"^data\.cache: .*cache is a file"):
        sweep_run.begin(tmp_path / "sweep", composed, again=False)
    assert not (tmp_path / "sweep").exists()
