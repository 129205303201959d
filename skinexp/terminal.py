"""What the person at the terminal sees: a short story of log lines, with progress bars that give way to them."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

console = Console(highlight=False, soft_wrap=True)


class Handler(logging.Handler):
    """Prints log lines on the shared console, so that they appear above a running progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        style = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}.get(record.levelname)
        console.print(self.format(record), style=style, markup=False)


class Bar:
    """One progress bar; `advance` moves it, `say` changes the words behind it."""

    def __init__(self, progress: Progress, task: TaskID):
        self._progress, self._task = progress, task

    def advance(self, by: int = 1) -> None:
        self._progress.advance(self._task, by)

    def say(self, words: str) -> None:
        self._progress.update(self._task, words=words)


@contextmanager
def bar(title: str, total: int) -> Iterator[Bar]:
    """A progress bar on a terminal; silent elsewhere, where log lines tell the story."""
    columns = (
        TextColumn("  {task.description:<10}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("{task.fields[words]}"),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield Bar(progress, progress.add_task(title, total=total, words=""))


@contextmanager
def libraries_write_to(file: Path) -> Iterator[None]:
    """Sends what other libraries say to a log file: Python's warnings, and what compiled code writes to stderr.

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
