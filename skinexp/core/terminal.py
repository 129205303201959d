"""Terminal output: log lines, and progress bars below them.

A job in a process of its own has no terminal: it reports the same lines and bars to the launcher.
"""

import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from skinexp.core.credentials import HidingFormatter
from skinexp.core.errors import is_disk_full

console = Console(highlight=False)

STYLES = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}
INTERVAL = 0.3  # seconds between two reports of how far a bar is

_launcher: IO[str] | None = None  # takes what this process reports, in lines of JSON


def from_here(path: Path) -> Path:
    """Returns a path as a person would type it: relative to the working directory if it lies below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def report_to(stream: IO[str]) -> None:
    """Sends log lines and progress to a stream from now on, and nothing to the terminal."""
    global _launcher
    _launcher = stream
    console.quiet = True


def _report(**event: Any) -> None:
    if _launcher is not None:
        with suppress(BrokenPipeError):  # the launcher was killed; the parent pipe says so
            print(json.dumps(event), file=_launcher, flush=True)


def show_line(text: str, level: str) -> None:
    """Prints a log line. Details (DEBUG) are left to the progress bar on a terminal."""
    if level != "DEBUG" or not console.is_terminal:
        console.print(text, style=STYLES.get(level), markup=False, soft_wrap=True)


def report_line(text: str, level: str) -> None:
    """Sends a log line to the launcher, or prints it if there is none."""
    if _launcher is not None:
        _report(line=text, level=level)
    else:
        show_line(text, level)


class Handler(logging.Handler):
    """Prints log lines on the shared console, so that they appear above a running progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        report_line(self.format(record), record.levelname)


class LogFile(logging.FileHandler):
    """Writes log lines into a file; lines for which the disk has no room are left out: the command reports that."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (the name is that of logging)
        error = sys.exc_info()[1]
        if error is None or not is_disk_full(error):
            super().handleError(record)


@contextmanager
def messages_shown(log_file: Path | None = None, on_stderr: bool = False) -> Iterator[None]:
    """Shows messages of skinexp, as Hydra does for a training.

    Args:
        log_file: takes these and the messages of all libraries.
        on_stderr: whether they are shown on stderr because the standard output is the result.
    """
    shown = logging.StreamHandler() if on_stderr else Handler()
    ours = logging.getLogger("skinexp")
    ours.setLevel(logging.INFO if log_file is None else logging.DEBUG)
    ours.addHandler(shown)
    try:
        with _written_to(log_file) if log_file is not None else nullcontext():
            yield
    finally:
        ours.removeHandler(shown)


@contextmanager
def _written_to(log_file: Path) -> Iterator[None]:
    root, file = logging.getLogger(), LogFile(log_file)
    file.setFormatter(HidingFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root.setLevel(logging.INFO)
    root.addHandler(file)
    try:
        yield
    finally:
        root.removeHandler(file)
        file.close()


class Bar:
    """One progress bar; `advance` moves it, `say` puts words behind it in place of the count."""

    def __init__(self, progress: Progress, task: TaskID, title: str, total: int):
        self._progress, self._task, self._title, self._total = progress, task, title, total
        self._done, self._reported_at = 0, 0.0
        self._words = ""

    def advance(self, by: int = 1) -> None:
        self._done += by
        self._progress.update(self._task, completed=self._done, words=self._words or f"{self._done:,}/{self._total:,}")
        if time.monotonic() - self._reported_at > INTERVAL:
            self._report_progress()

    def say(self, words: str) -> None:
        self._words = words
        self._progress.update(self._task, words=words)
        self._report_progress()

    def _report_progress(self) -> None:
        self._reported_at = time.monotonic()
        _report(bar=self._title, done=self._done, total=self._total, words=self._words)


@contextmanager
def bar(title: str, total: int) -> Iterator[Bar]:
    """Shows a progress bar on a terminal; elsewhere log lines suffice."""
    columns = (
        TextColumn("  {task.description:<10}"),
        BarColumn(bar_width=16),
        TextColumn("{task.fields[words]}"),
        TimeRemainingColumn(compact=True),
    )
    shown = console.is_terminal and _launcher is None
    with Progress(*columns, console=console, transient=True, disable=not shown) as progress:
        yield Bar(progress, progress.add_task(title, total=total, words=""), title, total)
    _report(bar="", done=0, total=0, words="")


@contextmanager
def libraries_write_to(file: Path) -> Iterator[None]:
    """Sends what libraries print to a log file: Python's warnings, and what compiled code writes to stderr.

    Python's own `sys.stderr` stays with the person.
    """
    logging.captureWarnings(True)
    sys.stderr.flush()
    terminal = os.dup(2)
    python_stderr = sys.stderr
    with file.open("ab") as log, os.fdopen(terminal, "w", buffering=1) as kept:
        os.dup2(log.fileno(), 2)
        sys.stderr = kept
        try:
            yield
        finally:
            sys.stderr = python_stderr
            os.dup2(terminal, 2)
            logging.captureWarnings(False)
