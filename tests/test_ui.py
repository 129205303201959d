"""The command that opens the MLflow UI, without a browser; tests/end_to_end looks at it in one."""

import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from skinexp.ui import main

MAKE_A_STORE = """
import mlflow
mlflow.set_tracking_uri("sqlite:///mlflow.db")
mlflow.set_experiment("another")
experiment = mlflow.set_experiment("skinexp").experiment_id
with mlflow.start_run() as run:
    mlflow.log_text("<!doctype html>", "comparison.html")
print(experiment, run.info.run_id)
"""
SHOW_THE_ADDRESS = '#!/bin/sh\necho "$1" > {file}\n'
SCREEN = {"DISPLAY": ":0"}
STORE = "sqlite:///mlflow.db"


@dataclass(frozen=True)
class Store:
    place: Path
    experiment: str
    run: str


@dataclass(frozen=True)
class Seen:
    """What there was to see of the command while it ran, and after a signal had ended it."""

    port: int
    page: str
    listening: set[tuple[str, int]]
    server: list[psutil.Process]
    artifact: bytes
    code: int
    words: str


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    """A directory in which a run was tracked."""
    place = tmp_path_factory.mktemp("store")
    made = subprocess.run([sys.executable, "-c", MAKE_A_STORE], cwd=place, capture_output=True, text=True, check=True)
    return Store(place, *made.stdout.split())


@pytest.fixture(scope="module")
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture(scope="module")
def seen(store, taken_port, start_ui) -> dict[str, Seen]:
    """Two of them, by the name of the signal that ended them; side by side, as most of their start is imports."""
    browser, shown = store.place / "browser", store.place / "shown"
    browser.write_text(SHOW_THE_ADDRESS.format(file=shown))
    browser.chmod(0o755)
    other = store.place / "other"
    other.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]
    interfaces = {
        "SIGINT": start_ui(store.place, "--port", str(taken_port), **SCREEN, BROWSER=f"{browser} %s"),
        "SIGTERM": start_ui(other, "--port", str(free), "--no-browser", "--uri", f"sqlite:///{store.place}/mlflow.db"),
    }
    interfaces["SIGINT"].wait_until(lambda: shown.is_file() and shown.read_text())
    return {name: look(interface, store, signal.Signals[name]) for name, interface in interfaces.items()}


def look(interface, store: Store, end: int) -> Seen:
    interface.wait_until(lambda: "Ctrl-C" in interface.words)
    page = interface.page
    address = page.partition("#")[0]
    server = interface.server
    sockets = [connection for process in server for connection in process.net_connections()]
    listening = {tuple(each.laddr) for each in sockets if each.status == psutil.CONN_LISTEN}
    with urllib.request.urlopen(f"{address}get-artifact?path=comparison.html&run_uuid={store.run}") as answer:
        artifact = answer.read()
    interface.process.send_signal(end)
    code = interface.process.wait()
    return Seen(int(address.strip("/").rpartition(":")[2]), page, listening, server, artifact, code, interface.words)


BOTH = pytest.mark.parametrize("end", ["SIGINT", "SIGTERM"])


@BOTH
def test_the_address_leads_straight_to_the_runs_of_our_experiment(seen, store, end):
    path = f"#/experiments/{store.experiment}/runs?workflowType=machine_learning"
    assert seen[end].page == f"http://127.0.0.1:{seen[end].port}/{path}"


@BOTH
def test_only_this_machine_can_reach_it(seen, end):
    assert seen[end].listening == {("127.0.0.1", seen[end].port)}


@BOTH
def test_the_files_of_runs_are_served_whichever_directory_it_is_started_in(seen, end):
    assert seen[end].artifact == b"<!doctype html>"


@BOTH
def test_a_signal_ends_it_without_complaint_and_all_that_it_started(seen, end):
    assert seen[end].code == 0
    assert seen[end].server
    assert not any(process.is_running() for process in seen[end].server)
    assert seen[end].words.endswith("  Ctrl-C ends the UI.\nStopped.\n")


def test_the_terminal_says_where_it_is_and_what_to_press_and_nothing_else(seen):
    first, *hints, last = seen["SIGTERM"].words.splitlines()
    assert first.startswith("MLflow UI: http://127.0.0.1:")
    assert "[+] unfolds a sweep; tick its runs and press Compare." in hints[0]
    assert (len(hints), last) == (2, "Stopped.")


def test_a_free_port_is_taken_as_asked_and_the_next_one_after_a_taken_one(seen, taken_port):
    assert seen["SIGINT"].port > taken_port
    assert seen["SIGINT"].words.startswith(f"Port {taken_port} is not free: using {seen['SIGINT'].port}.\n")
    assert "Port" not in seen["SIGTERM"].words


def test_it_is_small(seen):
    assert len(seen["SIGTERM"].server) == 3  # MLflow, its worker, and the guard that ends both


def test_the_browser_is_opened_where_there_is_a_screen(seen, store):
    assert (store.place / "shown").read_text().strip() == seen["SIGINT"].page


def test_a_closed_terminal_ends_it_even_while_the_server_starts(store, start_ui):
    interface = start_ui(store.place, "--no-browser")
    interface.wait_until(lambda: interface.server)
    server = interface.server
    interface.process.send_signal(signal.SIGHUP)
    assert interface.process.wait() == 0
    assert not any(process.is_running() for process in server)
    assert "Traceback" not in interface.words


def mistake(capsys, *arguments: str) -> str:
    """The one line that a mistaken command prints."""
    with pytest.raises(SystemExit) as ended:
        main([*arguments])
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    return line


def test_a_store_that_is_not_there_is_told_with_its_path_and_not_created(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = mistake(capsys)
    assert line.startswith(f"--uri: there is no store {tmp_path}/mlflow.db. The first run creates it")
    assert not list(tmp_path.iterdir())


def test_a_server_has_its_ui_already(capsys):
    assert mistake(capsys, "--uri", "http://127.0.0.1:1") == (
        "--uri: http://127.0.0.1:1 is a server, which has the UI at that address. Open it in a browser"
    )


def test_a_port_that_no_machine_has_is_refused(capsys, tmp_path):
    (tmp_path / "mlflow.db").touch()
    line = mistake(capsys, "--uri", f"sqlite:///{tmp_path}/mlflow.db", "--port", "65536")
    assert line == "--port: neither this port nor any of the next ones is free. Received: 65536"


def test_a_file_that_is_no_store_is_told_in_one_sentence(tmp_path):
    (tmp_path / "mlflow.db").write_text("a letter to the editor, longer than the header of a database " * 20)
    command = [sys.executable, "-m", "skinexp.ui", "--no-browser"]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert finished.returncode == 2
    assert finished.stderr == "The MLflow server ended: (sqlite3.DatabaseError) file is not a database\n"


def test_help_names_the_default_store_and_imports_nothing_heavy():
    code = "import sys, skinexp.ui\ntry: skinexp.ui.main(['--help'])\nexcept SystemExit: pass\n"
    code += "print(sorted({'tensorflow', 'keras', 'mlflow', 'matplotlib', 'pandas', 'rich'} & set(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert STORE in printed
    assert printed.splitlines()[-1] == "[]"
