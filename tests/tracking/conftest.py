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
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from skinexp import tracking
from skinexp.config.schema import Tracking
from skinexp.core.result_file import status_of
from skinexp.tracking import tracked_run as run_module
from skinexp.tracking.delivery import Delivery
from skinexp.tracking.outbox import Outbox

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # SQLAlchemy warns about MLflow, on being imported
    import mlflow.store.tracking.sqlalchemy_store  # noqa: F401

PATIENCE = 120  # seconds for a server to start on a busy machine
SECRET = "unspeakable-0"  # the password in the address of the server


class Server:
    """An MLflow server with a SQLite store of its own, which can be killed and started again."""

    def __init__(self, directory: Path):
        self.address = f"http://127.0.0.1:{free_port()}"
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        host = ["--host", "127.0.0.1", "--port", self.address.rpartition(":")[2]]
        store = ["--backend-store-uri", f"sqlite:///{self._directory}/mlflow.db"]
        command = [sys.executable, "-m", "mlflow", "server", *host, *store, "--workers", "1"]
        command += ["--artifacts-destination", str(self._directory)]
        environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # one process instead of ten
        with (self._directory / "server.log").open("ab") as log:
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        wait_for(f"{self.address}/health", self._process, Path(log.name))

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, how)
            self._process.wait()
            self._process = None

    def kill(self) -> None:
        self.stop(signal.SIGKILL)


@pytest.fixture(scope="session")
def server_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of all files of `server`."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="session")
def server(server_directory: Path) -> Iterator[str]:
    """Address of an MLflow server with an empty SQLite store."""
    shared = Server(server_directory)
    shared.start()
    yield shared.address
    shared.stop()


@pytest.fixture
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of one test's own."""
    own = Server(tmp_path_factory.mktemp("server"))
    own.start()
    yield own
    own.stop()


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


class Here:
    """Delivers in this process, when the run has ended: starting an uploader takes seconds."""

    def __init__(self, place: Path, options: Tracking):
        self._delivery = Delivery(Outbox(place), options.uri)

    def wake(self) -> None:
        pass

    def end(self) -> None:
        self._delivery.deliver()

    @property
    def run_id(self) -> str | None:
        return self._delivery.run_id

    @property
    def experiment_id(self) -> str | None:
        return self._delivery.experiment_id


Opened = Callable[..., AbstractContextManager[tracking.TrackedRun]]


@pytest.fixture
def opened(options: Tracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """Opens runs whose records are delivered when they end."""
    monkeypatch.setattr(run_module, "UploaderProcess", Here)

    @contextmanager
    def open_run(
        place: Path = tmp_path / "run", name: str = "", options: Tracking = options, **given: Any
    ) -> Iterator[tracking.TrackedRun]:
        place.mkdir(exist_ok=True)
        run = tracking.start(options, place, name, given.pop("tags", {}), **given)
        try:
            yield run
        except BaseException as error:
            run.close(status_of(error), error)
            raise
        run.close("finished", None)

    return open_run


@dataclass(frozen=True)
class Tracked:
    """A finished run: what it left on the disk, what MLflow knows of it, and what it printed."""

    directory: Path
    result: dict[str, Any]
    run: Run
    output: str


@pytest.fixture(scope="session")
def tracked(server: str, tmp_path_factory: pytest.TempPathFactory) -> Tracked:
    """The command of a user whose server is named by the environment, with a password."""
    place = tmp_path_factory.mktemp("tracked")
    command = [
        sys.executable,
        "-m",
        "skinexp.train",
        "experiment=smoke",
        "tracking=server",
        "tracking.tensorboard=false",
    ]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": server.replace("://", f"://ann:{SECRET}@")}
    finished = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)
    if finished.returncode:
        raise RuntimeError(finished.stdout + finished.stderr)
    (directory,) = place.glob("outputs/*/*")
    result = json.loads((directory / "result.json").read_text())
    return Tracked(directory, result, MlflowClient(server).get_run(result["run_id"]), finished.stdout + finished.stderr)
