"""What the person at the terminal sees: a short story of log lines, with progress bars that give way to them."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

console = Console(highlight=False)


class Handler(logging.Handler):
    """Prints log lines on the shared console, so that they appear above a running progress bar.

    Details (DEBUG) are left to the bar where there is one, and printed where there is none.
    """

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno < logging.INFO and console.is_terminal:
            return
        style = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}.get(record.levelname)
        console.print(self.format(record), style=style, markup=False, soft_wrap=True)


class Bar:
    """One progress bar; `advance` moves it, `say` puts words behind it in place of the count."""

    def __init__(self, progress: Progress, task: TaskID, total: int):
        self._progress, self._task, self._total = progress, task, total
        self._done = 0
        self._words = ""

    def advance(self, by: int = 1) -> None:
        self._done += by
        self._progress.update(self._task, completed=self._done, words=self._words or f"{self._done:,}/{self._total:,}")

    def say(self, words: str) -> None:
        self._words = words
        self._progress.update(self._task, words=words)


@contextmanager
def bar(title: str, total: int) -> Iterator[Bar]:
    """A progress bar on a terminal; silent elsewhere, where log lines tell the story."""
    columns = (
        TextColumn("  {task.description:<10}"),
        BarColumn(bar_width=16),
        TextColumn("{task.fields[words]}"),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield Bar(progress, progress.add_task(title, total=total, words=""), total)


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
