"""Opens the MLflow UI on a local store, for this machine alone, until Ctrl-C."""

import argparse
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import webbrowser
from contextlib import closing, suppress
from pathlib import Path
from typing import IO

from skinexp.config.schema import Tracking
from skinexp.core.child_processes import environment
from skinexp.core.credentials import hidden, keep_password, with_password, without_user
from skinexp.core.errors import UserError, exit_on_user_error
from skinexp.core.python_command import skinexp_command

LOOPBACK = "127.0.0.1"
PORT = 5000
INTERVAL = 0.1  # seconds between two looks at the server
PATIENCE = 10  # seconds: for an answer of the server, and for its end
SETTINGS = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # two processes instead of ten
    "MLFLOW_DISABLE_TELEMETRY": "true",  # what is looked at here stays here
}
MODE = "workflowType=machine_learning"  # else the UI opens in its mode for language models
HINT = """\
  [+] unfolds a sweep; tick its runs and press Compare. comparison.html is among the artifacts of the sweep itself.
  Ctrl-C ends the UI."""


def main(arguments: list[str] | None = None) -> None:
    """Runs the command `python -m skinexp.ui`. Exit codes: 0 (stopped by Ctrl-C or SIGTERM), 2 (mistake, no server)."""
    options = _parser().parse_args(arguments)
    with exit_on_user_error():
        show(options.uri, options.port, browser=not options.no_browser)


def show(uri: str, port: int, browser: bool) -> None:
    """Runs the MLflow server and prints its address, until a signal ends it.

    Args:
        uri: the store: a SQLite file or another database.
        port: the first port to try.
        browser: whether to open a browser if there is a screen.

    Raises:
        UserError: if there is no such store, or the server does not start.
    """
    from skinexp.core.terminal import console  # later than --help

    _check(uri)
    free = _free_port(port)
    if free != port:
        console.print(f"Port {port} is not free: using {free}.")
    signals = _collect_signals()
    with tempfile.TemporaryFile() as output, closing(Server(uri, free, output)) as server:
        with console.status("Starting the MLflow server"):
            while not signals and not server.answers():
                time.sleep(INTERVAL)
        if not signals:
            page = server.page()
            console.print(f"MLflow UI: {page}\n{HINT}", markup=False, soft_wrap=True)
            if browser and _has_screen():
                threading.Thread(target=webbrowser.open, args=(page,), daemon=True).start()  # some hold their caller
        while not signals:
            server.check()
            time.sleep(INTERVAL)
    console.print("Stopped.")


class Server:
    """The process `mlflow server`, bound to the loopback interface."""

    def __init__(self, uri: str, port: int, output: IO[bytes]):
        self.port = port
        self._output = output
        address = ["--host", LOOPBACK, "--port", str(port)]
        command = [sys.executable, "-m", "mlflow", "server", *address, "--workers", "1"]
        guard = [sys.executable, "-P", "-m", "skinexp.core.guard"]  # no server stays behind if this process is killed
        store = {"MLFLOW_BACKEND_STORE_URI": with_password(uri)}  # neighbours see the words of a command
        self._process = subprocess.Popen(
            [*guard, *command],
            env=environment() | SETTINGS | store,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for us, who end it and all its children once
        )

    def answers(self) -> bool:
        """Returns whether the server has started.

        Raises:
            UserError: if it has ended.
        """
        self.check()
        return self._get("/health") is not None

    def check(self) -> None:
        """Raises a `UserError` if the server has ended."""
        if self._process.poll() is not None:
            raise UserError(f"The MLflow server ended: {self._last_words()}")

    def page(self) -> str:
        """Returns the address of the list of skinexp's runs; of all experiments if the store has none."""
        place = f"http://{LOOPBACK}:{self.port}/#/experiments"
        answer = self._get(f"/api/2.0/mlflow/experiments/get-by-name?experiment_name={Tracking.experiment}")
        if answer is not None:
            place += f"/{json.loads(answer)['experiment']['experiment_id']}/runs"
        return f"{place}?{MODE}"

    def close(self) -> None:
        """Ends the server and its children."""
        self._signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE)
        self._signal(signal.SIGKILL)  # whichever of them is left
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _get(self, path: str) -> bytes | None:
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=PATIENCE)  # urllib would ask a proxy
        with closing(connection), suppress(OSError, http.client.HTTPException):
            connection.request("GET", path)
            response = connection.getresponse()
            if response.status == http.client.OK:
                return response.read()
        return None

    def _last_words(self) -> str:
        """Returns the last error that the server printed, without its context, or else its last line."""
        self._output.seek(0)
        words = self._output.read().decode(errors="replace").strip()
        errors = re.findall(r"^(?:[\w.]+(?:Error|Exception):|.* ERROR:) +(.+)", words, re.MULTILINE)
        return hidden((errors or words.splitlines() or ["it printed no message"])[-1])


def _check(uri: str) -> None:
    if uri.startswith(("http://", "https://")):
        raise UserError(
            f"--uri: {without_user(uri)} is a server, which has the UI at that address. Open it in a browser"
        )
    file = uri.removeprefix("sqlite:///")
    if file != uri and not Path(file).is_file():  # MLflow would create it
        raise UserError(
            f"--uri: there is no store {Path(file).resolve()}. The first run creates it ({skinexp_command('train')}); "
            "if it is elsewhere, give --uri sqlite:///PATH"
        )


def _free_port(first: int) -> int:
    for port in range(max(first, 1), 65536):
        with suppress(OSError), socket.create_server((LOOPBACK, port)):
            return port
    raise UserError(f"--port: neither this port nor any of the next ones is free. Received: {first}")


def _collect_signals() -> list[int]:
    """Returns a list that signals to stop are added to; no exception can then interrupt the cleanup."""
    signals: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, lambda number, frame: signals.append(number))
    return signals


def _has_screen() -> bool:
    """Returns whether a browser would have a window; without one, Python may start a browser in the terminal."""
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=skinexp_command("ui"), description=__doc__)
    parser.add_argument("--uri", type=keep_password, default=Tracking.uri, help="MLflow store (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=PORT, help="port (default: %(default)s); if it is taken, the next free port"
    )
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    return parser


if __name__ == "__main__":
    main()
