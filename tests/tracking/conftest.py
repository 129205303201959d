"""A real MLflow server on loopback, and a run of the real command that is tracked in it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from skinexp.config import Tracking

PATIENCE = 120  # seconds for a server to start on a busy machine


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an MLflow server with an empty SQLite store."""
    directory = tmp_path_factory.mktemp("server")
    address = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", address.rpartition(":")[2]]
    store = ["--backend-store-uri", f"sqlite:///{directory}/mlflow.db", "--artifacts-destination", str(directory)]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # two processes instead of ten
    with (directory / "server.log").open("wb") as log:
        process = subprocess.Popen([*command, *store], env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            wait_for(f"{address}/health", process, Path(log.name))
            yield address
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(address):
                return
        except urllib.error.URLError:
            time.sleep(0.2)
    raise RuntimeError(f"the MLflow server did not start:\n{log.read_text()}")


@pytest.fixture
def options(server: str) -> Tracking:
    """Tracking into the server."""
    return Tracking(uri=server)


@pytest.fixture
def client(server: str) -> MlflowClient:
    return MlflowClient(server)


@dataclass(frozen=True)
class Tracked:
    """A finished run: what it left on the disk, and what MLflow knows of it."""

    directory: Path
    result: dict[str, Any]
    run: Run


@pytest.fixture(scope="session")
def tracked(server: str, tmp_path_factory: pytest.TempPathFactory) -> Tracked:
    """The command of a user whose server is named by the environment."""
    place = tmp_path_factory.mktemp("tracked")
    command = [
        sys.executable,
        "-m",
        "skinexp.train",
        "experiment=smoke",
        "tracking=server",
        "tracking.tensorboard=false",
    ]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": server}
    finished = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)
    if finished.returncode:
        raise RuntimeError(finished.stdout + finished.stderr)
    (directory,) = place.glob("outputs/*/*")
    result = json.loads((directory / "result.json").read_text())
    return Tracked(directory, result, MlflowClient(server).get_run(result["run_id"]))
