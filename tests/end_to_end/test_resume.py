"""Sweeps and runs that were killed without warning, and going on: nothing is lost, and nothing is done twice."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
from mlflow import MlflowClient

from skinexp.core.result_file import read_result

pytestmark = pytest.mark.slow  # the kits of it are tested by themselves: sweep, checkpoints, outbox, child processes

PATIENCE = 300  # seconds for what must happen on a busy machine
STAGES = (
    "data", "prepare", "audit", "split", "build", "preflight", "training", "evaluation", "diagnosis", "explanation",
    "figures", "model", "tracking",
)  # fmt: skip
LASTING = [stage for stage in STAGES if stage != "split"]  # long enough to be met in it
# Enough images for processes that prepare them, a frozen backbone for the head, and its end for the second phase.
TINY = (
    "experiment=smoke model=mobilenet model.alpha=0.35 tracking.tensorboard=false data.phantom.images=240 "
    "optim.epochs=3 optim.monitor=val_loss model.fine_tune.epochs=3 training.redraw=2 tracking.system_metrics=false"
)


@dataclass
class Place:
    """A directory in which one run, or one sweep, lives as often as it must."""

    root: Path
    directory: Path
    arguments: list[str]
    lives: int = 0

    def start(self) -> subprocess.Popen[bytes]:
        """The command, or the same command going on."""
        multirun = [word for word in self.arguments if word == "-m"]
        given = [*multirun, f"resume={self.directory}"] if self.lives else self.arguments
        self.lives += 1
        with (self.root / f"life_{self.lives}.txt").open("wb") as output:
            command = [sys.executable, "-m", "skinexp.train", *given]
            return subprocess.Popen(command, cwd=self.root, stdout=output, stderr=output, start_new_session=True)

    def finish(self) -> None:
        code = self.start().wait()
        assert code == 0, (self.root / f"life_{self.lives}.txt").read_text()

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(f"sqlite:///{self.root}/mlflow.db")

    def result(self, job: str = "") -> dict[str, Any]:
        return read_result(self.directory / job)

    def logits(self, job: str = "") -> pd.DataFrame:
        return pd.read_parquet(self.directory / job / "predictions.parquet")

    def history(self, job: str = "") -> pd.DataFrame:
        return pd.read_csv(self.directory / job / "history.csv").drop(columns="seconds")


def one_run(root: Path, arguments: str) -> Place:
    root.mkdir(parents=True, exist_ok=True)
    return Place(root, root / "run", [*arguments.split(), f"hydra.run.dir={root}/run"])


def sweep(root: Path, arguments: str) -> Place:
    root.mkdir(parents=True, exist_ok=True)
    return Place(root, root / "sweep", ["-m", *arguments.split(), f"hydra.sweep.dir={root}/sweep"])


def wait_for(what: Any, process: subprocess.Popen[bytes]) -> bool:
    """Whether it came to pass before the process ended."""
    end = time.monotonic() + PATIENCE
    while process.poll() is None:
        if what():
            return True
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.02)
    return False


def same_scores(place: Place, reference: Place, job: str = "", of: str = "") -> None:
    pd.testing.assert_frame_equal(place.logits(job), reference.logits(of), check_exact=True)
    pd.testing.assert_frame_equal(place.history(job), reference.history(of), check_exact=True)
    assert place.result(job)["metrics"] == reference.result(of)["metrics"]
    assert place.result(job)["best_epoch"] == reference.result(of)["best_epoch"]


def logged_once(place: Place, job: str = "") -> None:
    """Each epoch and each score is in MLflow once, on one run that has finished."""
    run = place.client.get_run(place.result(job)["run_id"])
    assert run.info.status == "FINISHED"
    epochs = place.history(job)["epoch"].tolist()
    for metric in ("train/loss", "val/loss", "val/auc"):
        assert [point.step for point in place.client.get_metric_history(run.info.run_id, metric)] == epochs
    for metric in ("val/roc_auc", "test/roc_auc"):
        (point,) = place.client.get_metric_history(run.info.run_id, metric)
        assert point.value == pytest.approx(place.result(job)["metrics"][metric])
    assert {"result.json", "predictions.parquet", "figures"} <= {
        file.path for file in place.client.list_artifacts(run.info.run_id)
    }
    assert len(run.outputs.model_outputs) == 1
    assert len(run.inputs.dataset_inputs) == 3


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory, shared_trainings) -> tuple[Place, dict[str, Any]]:
    """A sweep of two jobs whose launcher was killed in the second one's training, and went on; and what it left."""
    place = sweep(tmp_path_factory.mktemp("interrupted"), "experiment=smoke tracking.tensorboard=false seed=1,0")
    process = place.start()
    records = place.directory / "1" / "outbox" / "records.jsonl"
    assert wait_for(lambda: records.is_file() and "val/loss" in records.read_text(), process)
    jobs = [child for child in psutil.Process(process.pid).children() if "job_main" in " ".join(child.cmdline())]
    process.kill()
    process.wait()
    psutil.wait_procs(jobs, PATIENCE)  # they end with their launcher
    parent = json.loads((place.directory / "sweep.json").read_text())["parent"]
    end = time.monotonic() + PATIENCE
    while place.client.get_run(parent).info.status == "RUNNING" and time.monotonic() < end:
        time.sleep(0.2)
    left = {
        "alive": [job for job in jobs if job.is_running()],
        "parent": place.client.get_run(parent).info.status,
        "job": place.client.get_run(place.result("1")["run_id"]).info.status,
        "status": place.result("1")["status"],
        "run_id": place.result("1")["run_id"],
        "written": (place.directory / "0" / "predictions.parquet").stat().st_mtime_ns,
    }
    place.finish()
    return place, left


def test_jobs_end_with_their_launcher_and_say_so(interrupted):
    _, left = interrupted
    assert left["alive"] == []
    assert left["status"] == "killed"


def test_the_store_knows_that_they_were_killed(interrupted):
    _, left = interrupted
    assert (left["parent"], left["job"]) == ("KILLED", "KILLED")


def test_a_resumed_sweep_runs_only_what_is_unfinished(interrupted):
    place, left = interrupted
    assert (place.directory / "0" / "predictions.parquet").stat().st_mtime_ns == left["written"]
    manifest = json.loads((place.directory / "sweep.json").read_text())
    assert (manifest["status"], manifest["lives"]) == ("finished", 2)
    assert [job["status"] for job in manifest["jobs"]] == ["finished", "finished"]
    assert "seed=1 ───" not in (place.root / "life_2.txt").read_text()


def test_a_resumed_job_goes_on_in_its_own_mlflow_run(interrupted):
    place, left = interrupted
    assert place.result("1")["run_id"] == left["run_id"]
    manifest = json.loads((place.directory / "sweep.json").read_text())
    children = place.client.search_runs(["1"], f"tags.`mlflow.parentRunId` = '{manifest['parent']}'")
    assert {child.info.run_id for child in children} == {job["run_id"] for job in manifest["jobs"]}
    assert place.client.get_run(manifest["parent"]).info.status == "FINISHED"
    logged_once(place, "1")


def test_a_resumed_job_ends_as_one_that_was_never_stopped(interrupted, single):
    place, _ = interrupted
    same_scores(place, Place(single.place, single.directory, []), "1")
    assert not (place.directory / "1" / "checkpoints").exists()


def test_what_cannot_go_on_is_told_in_one_sentence(interrupted, tmp_path):
    place, _ = interrupted
    for argument, words in (
        (f"resume={tmp_path}", f"resume: no run or sweep of skinexp is in this directory. Received: {tmp_path}"),
        (f"resume={place.directory / '1'}", f"Resume the sweep: resume={place.directory}"),
        (f"resume={place.directory} optim.lr=1", "resume: continues the experiment with its own configuration"),
    ):
        command = [sys.executable, "-m", "skinexp.train", *argument.split()]
        ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert ended.returncode == 2
        (line,) = (ended.stdout + ended.stderr).splitlines()
        assert words in line


def test_runs_that_are_killed_in_each_stage_end_bit_for_bit_as_one_that_never_was(tmp_path, weights):
    arguments = f"{TINY} model.weights={weights}"
    reference = one_run(tmp_path / "reference", arguments)
    reference.finish()
    assert reference.result()["phases"] == ["head", "fine_tune"]
    stages = random.Random(0).sample(LASTING, len(LASTING))
    halves = [(stages[::2], tmp_path / "first"), (stages[1::2], tmp_path / "second")]  # one beside the other
    with ThreadPoolExecutor(len(halves)) as threads:
        chains = [threads.submit(kill_again_and_again, some, arguments, root, reference) for some, root in halves]
    assert [chain.result() for chain in chains] == [some for some, _ in halves]


def kill_again_and_again(stages: list[str], arguments: str, root: Path, reference: Place) -> list[str]:
    """Kills a run in each of these stages, and compares it when it has finished; a new run for what is behind it then.

    Returns:
        The stages in which runs were killed.
    """
    moments, killed, place = random.Random(str(root.name)), [], one_run(root / "0", arguments)
    for number, stage in enumerate(stages):
        if place.lives and STAGES.index(stage) < STAGES.index(str(place.result().get("stage", STAGES[0]))):
            finish_and_compare(place, reference)
            place = one_run(root / str(number), arguments)
        process = place.start()
        if wait_for(partial(reached, place, stage), process):
            time.sleep(moments.uniform(0.0, 3.0 if stage == "training" else 0.3))
            os.killpg(process.pid, signal.SIGKILL)
        if process.wait() == -signal.SIGKILL:
            killed.append(stage)
    finish_and_compare(place, reference)
    return killed


def finish_and_compare(place: Place, reference: Place) -> None:
    place.finish()
    same_scores(place, reference)
    logged_once(place)
    assert not (place.directory / "checkpoints").exists()


def reached(place: Place, stage: str) -> bool:
    """Whether this life of a run has come to a stage."""
    values = place.result()
    return values.get("status") == "running" and values.get("stage") == stage
