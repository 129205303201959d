"""The launcher `process` when jobs are killed or share the machine, and Hydra's own launchers in its place."""

import importlib.util
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.conftest import Command, ended, start, wait_for_words

SMOKE = "-m experiment=smoke tracking.tensorboard=false"


@pytest.fixture(scope="module")
def parallel(tmp_path_factory) -> Command:
    """Two jobs at a time, the second of which is killed as a system without memory does."""
    place = tmp_path_factory.mktemp("parallel")
    options = "hydra.launcher.jobs=2 seed=0,1 optim.epochs=60 optim.patience=60 optim.batch_size=64"
    process = start(f"{SMOKE} {options}".split(), place)
    wait_for_words("seed=1 |   train epoch 2/", place / "output.txt", process)
    (sweep,) = place.glob("multirun/*/*")
    for child in psutil.Process(process.pid).children():
        if any(str(sweep / "1") in file.path for file in child.open_files()):
            os.kill(child.pid, signal.SIGKILL)
    return ended(process, place)


@pytest.mark.slow
def test_a_job_that_the_system_kills_is_told_as_such_and_stops_no_other(parallel):
    assert parallel.code == 1
    assert [job["status"] for job in parallel.sweep["jobs"]] == ["finished", "killed"]
    assert "seed=1: the system killed the process (signal 9), most often because memory ran out" in parallel.output
    assert parallel.run("1").info.status == "KILLED"
    assert parallel.run("0").info.status == "FINISHED"
    assert parallel.parent.info.status == "FAILED"


@pytest.mark.slow
def test_jobs_that_run_at_once_share_out_the_cores(parallel):
    cores = len(os.sched_getaffinity(0))
    assert parallel.result("0")["compute"]["threads"] == max(1, cores // 2)


@pytest.mark.slow
def test_each_line_of_jobs_that_run_at_once_says_whose_it_is(parallel):
    for seed in (0, 1):
        assert f"seed={seed} | Data      phantom: 80 images" in parallel.output


@pytest.mark.slow
def test_a_terminal_shows_a_table_of_the_jobs_while_they_run(tmp_path):
    reader, writer = pty.openpty()
    shown: list[bytes] = []

    def read() -> None:
        while True:
            try:
                shown.append(os.read(reader, 65_536))
            except OSError:  # the command has ended
                return

    command = [sys.executable, "-m", "skinexp.train", *SMOKE.split(), "seed=0", "optim.epochs=30", "optim.patience=30"]
    environment = os.environ | {"COLUMNS": "160", "TERM": "xterm"}
    process = subprocess.Popen(command, cwd=tmp_path, stdout=writer, stderr=writer, env=environment)
    os.close(writer)
    thread = threading.Thread(target=read)
    thread.start()
    assert process.wait() == 0
    thread.join()
    os.close(reader)
    words = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", b"".join(shown).decode(errors="replace"))
    assert re.search(r"seed=0 .*running +train epoch \d+/30, validation loss", words)
    assert re.search(r"seed=0 .*finished +validation score", words)
    assert "Compute   TensorFlow" not in words  # the story is in train.log
    assert "Test scores" in words


@pytest.mark.slow
@pytest.mark.parametrize(
    ("launcher", "plugin"),
    [
        ("joblib", "hydra_plugins.hydra_joblib_launcher"),
        ("ray", "hydra_plugins.hydra_ray_launcher"),
        ("submitit_local", "hydra_plugins.hydra_submitit_launcher"),
        ("basic", "hydra"),
    ],
)
def test_hydras_own_launchers_run_a_sweep_one_of_whose_jobs_fails(launcher, plugin, train):
    if importlib.util.find_spec(plugin) is None:
        pytest.skip(f"not installed: uv sync --extra {launcher.partition('_')[0]}")
    (command,) = train(f"{SMOKE} hydra/launcher={launcher} optim.lr=1e30,1e-3")
    assert command.code == 1, command.output
    assert [job["status"] for job in command.sweep["jobs"]] == ["failed", "finished"]
    assert [command.run(job).info.status for job in ("0", "1")] == ["FAILED", "FINISHED"]
    assert command.parent.info.status == "FAILED"
    assert "comparison.html" in command.artifacts(command.parent)
    parents = {command.run(job).data.tags["mlflow.parentRunId"] for job in ("0", "1")}
    assert parents == {command.sweep["parent"]}
    assert Path(command.directory / "0" / "traceback.txt").is_file()
