"""Runs and sweeps of the real command, each in a directory of its own; the tests here only look at what they left."""

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # SQLAlchemy warns about MLflow, on being imported
    import mlflow.store.tracking.sqlalchemy_store  # noqa: F401

TRAIN = ("-m", "skinexp.train")
SMALL = "experiment=smoke tracking.tensorboard=false data.limit=120 data.preprocess.size=64"  # of photographs
PATIENCE = 300  # seconds for a training to begin on a busy machine

Train = Callable[..., list["Command"]]


@dataclass(frozen=True)
class Command:
    """A command that has ended: where it ran, what it printed, its exit code, and the MLflow store that it filled."""

    place: Path
    output: str
    code: int

    @cached_property
    def directory(self) -> Path:
        """The directory of the run or the sweep."""
        (found,) = [*self.place.glob("outputs/*/*"), *self.place.glob("multirun/*/*")]
        return found

    @cached_property
    def sweep(self) -> dict[str, Any]:
        return json.loads((self.directory / "sweep.json").read_text())

    @property
    def store(self) -> str:
        return f"sqlite:///{self.place}/mlflow.db"

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(self.store)

    @property
    def parent(self) -> Run:
        return self.client.get_run(self.sweep["parent"])

    def result(self, job: str = "") -> dict[str, Any]:
        return json.loads((self.directory / job / "result.json").read_text())

    def run(self, job: str = "") -> Run:
        """What MLflow knows of the run, or of one job of the sweep."""
        return self.client.get_run(self.result(job)["run_id"])

    def predictions(self, job: str = "") -> pd.DataFrame:
        return pd.read_parquet(self.directory / job / "predictions.parquet")

    def artifacts(self, run: Run) -> set[str]:
        return {file.path for file in self.client.list_artifacts(run.info.run_id)}


def start(arguments: Sequence[str], place: Path, program: Sequence[str] = TRAIN) -> subprocess.Popen[bytes]:
    """Starts the training command; what it prints goes to a file, which can be read before the end."""
    environment = os.environ.copy()
    environment.pop("MLFLOW_TRACKING_URI", None)  # MLflow sets it in the process of the tests
    with (place / "output.txt").open("wb") as output:
        command = [sys.executable, *program, *arguments]
        return subprocess.Popen(command, cwd=place, env=environment, stdout=output, stderr=output)


def ended(process: subprocess.Popen[bytes], place: Path) -> Command:
    code = process.wait()
    return Command(place, (place / "output.txt").read_text(), code)


@pytest.fixture(scope="session")
def train(tmp_path_factory: pytest.TempPathFactory) -> Train:
    """Runs training commands side by side, each in an empty directory that also keeps its MLflow store."""

    def train(*commands: str, program: Sequence[str] = TRAIN) -> list[Command]:
        places = [tmp_path_factory.mktemp("train") for _ in commands]
        processes = [start(command.split(), place, program) for command, place in zip(commands, places, strict=True)]
        return list(map(ended, processes, places))

    return train


@pytest.fixture(scope="session")
def commands(train: Train, shared_trainings: None) -> list[Command]:
    """All that the tests share, side by side: much of a short run is imports and tracing, which use one core."""
    return train(
        "experiment=smoke",
        "experiment=smoke",
        "-m experiment=smoke tracking.tensorboard=false model=scratch,mobilenet,efficientnet",
        "-m experiment=smoke tracking.tensorboard=false optim.lr=1e30,1e-3",
    )


@pytest.fixture(scope="session")
def twice(commands: list[Command]) -> list[Command]:
    """The same command in two places: one run of the recipe that goes through every stage."""
    return commands[:2]


@pytest.fixture(scope="session")
def single(commands: list[Command]) -> Command:
    """The first of them."""
    return commands[0]


@pytest.fixture(scope="session")
def three(commands: list[Command]) -> Command:
    """The sweep over all models."""
    return commands[2]


@pytest.fixture(scope="session")
def broken(commands: list[Command]) -> Command:
    """A sweep whose first job loses its loss."""
    return commands[3]


@pytest.fixture(scope="session")
def folder(train: Train, shared_trainings: None, isic9: Path, weights: Path) -> Command:
    """MobileNetV2 on a folder of photographs with a manifest."""
    source = f"data=folder data.path={isic9} model.weights={weights}"
    return train(f"{SMALL} {source} model=mobilenet model.alpha=0.35")[0]


@pytest.fixture(scope="session", params=["SIGINT", pytest.param("SIGTERM", marks=pytest.mark.slow)])
def stopped(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, shared_trainings: None
) -> Command:
    """A sweep that was stopped by a signal in the midst of a training."""
    place = tmp_path_factory.mktemp(request.param)
    endless = "-m experiment=smoke seed=0,1 optim.epochs=10000 optim.patience=10000 tracking.tensorboard=false"
    kept = signal.signal(signal.SIGINT, signal.default_int_handler)  # else the background jobs of a shell ignore it
    process = start(endless.split(), place)
    signal.signal(signal.SIGINT, kept)
    try:
        wait_for_words("epoch 2/", place / "output.txt", process)
        process.send_signal(signal.Signals[request.param])
        return ended(process, place)
    finally:
        process.kill()
        process.wait()


def wait_for_words(words: str, file: Path, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE
    while words not in file.read_text():
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"{words!r} was not printed, but:\n{file.read_text()}")
        time.sleep(0.2)
