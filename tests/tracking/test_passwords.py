"""The password in a store's address is used, and is in no file of the run, of the store or of the working directory."""

import base64
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException

from skinexp import tracking
from skinexp.config.compose import compose
from skinexp.config.schema import Tracking
from skinexp.core.credentials import PASSWORD, USERNAME
from skinexp.tracking import mlflow_store
from skinexp.tracking.outbox import Outbox
from skinexp.tracking.undelivered import sync_command
from skinexp.tracking.uploader_process import UploaderProcess

SECRET = "unspeakable-0"  # as in conftest.py


@pytest.fixture(autouse=True)
def variables(monkeypatch):
    """MLflow's variables of a user who has set none, as they come back after a test."""
    for name in (USERNAME, PASSWORD):
        monkeypatch.setenv(name, "")  # so that it is put back
        monkeypatch.delenv(name)


def files_with(secret: str, directory: Path) -> list[Path]:
    return [file for file in directory.rglob("*") if file.is_file() and secret.encode() in file.read_bytes()]


@pytest.mark.slow
def test_no_file_of_a_run_and_of_its_store_has_the_password(tracked, server, server_directory):
    assert tracked.result["config"]["tracking"]["uri"] == server.replace("://", "://ann:***@")
    working_directory = tracked.directory.parents[2]
    assert files_with("ann:***@", working_directory)  # it is searched for where it would be
    assert files_with(SECRET, working_directory) == []
    assert files_with(SECRET, server_directory) == []
    assert SECRET not in tracked.output


def test_a_configuration_from_python_has_no_password(monkeypatch):
    config = compose([f"tracking.uri=postgresql://ann:{SECRET}@host/db"])
    assert config.tracking.uri == "postgresql://ann:***@host/db"


def test_a_run_from_python_writes_no_password_and_gives_its_uploader_the_address_without(tmp_path, monkeypatch):
    given: list[Tracking] = []
    monkeypatch.setattr(UploaderProcess, "__init__", lambda self, place, options: given.append(options))
    options = Tracking(uri=f"http://ann:{SECRET}@127.0.0.1:1")
    tracking.start(options, tmp_path, "seed=1", {})
    assert given == [replace(options, uri="http://ann:***@127.0.0.1:1")]
    assert Outbox(tmp_path).store == "http://ann:***@127.0.0.1:1"
    assert files_with(SECRET, tmp_path) == []


@pytest.mark.parametrize("uri", [f"http://ann:{SECRET}@127.0.0.1:1", "http://ann:***@127.0.0.1:1"])
def test_mlflow_is_given_no_address_with_a_password_and_reads_it_from_the_environment(uri, monkeypatch):
    from mlflow.utils.credentials import get_default_host_creds

    monkeypatch.setenv(PASSWORD, SECRET)
    address = str(mlflow_store.client(uri).tracking_uri)
    assert address == "http://127.0.0.1:1"
    found = get_default_host_creds(address)
    assert (found.username, found.password) == ("ann", SECRET)


def test_the_command_that_delivers_a_run_has_no_password(tmp_path):
    from skinexp import sync

    address = sync._parser().parse_args(["x", "--uri", f"http://ann:{SECRET}@host"]).uri
    assert SECRET not in sync_command(Outbox(tmp_path), address)


def test_a_server_gets_the_name_and_the_password_that_its_address_had():
    seen: list[str | None] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers["Authorization"])
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(MlflowException) as refused:
            mlflow_store.connect(f"http://ann:{SECRET}@127.0.0.1:{server.server_port}", "skinexp")
        server.shutdown()
    assert seen[0] == "Basic " + base64.b64encode(f"ann:{SECRET}".encode()).decode()
    assert SECRET not in str(refused.value)
