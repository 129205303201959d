"""The progress of a sweep's jobs: a live table on a terminal, log lines of each job elsewhere."""

import math
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from skinexp.core import terminal
from skinexp.core.number_format import clock
from skinexp.core.result_file import read_result
from skinexp.sweep import jobs
from skinexp.sweep.job_process import Event, JobProcess

COLOURS = {"finished": "green", "failed": "red", "killed": "yellow", "running": "bold", "waiting": "dim"}


@dataclass
class Progress:
    """The progress of a job in its current stage."""

    title: str = ""
    words: str = ""
    done: int = 0
    total: int = 0
    since: float = 0.0

    @property
    def left(self) -> float | None:
        """Remaining seconds at the present speed; None if it is unknown."""
        if not 0 < self.done <= self.total:
            return None
        return (time.monotonic() - self.since) / self.done * (self.total - self.done)


class ProgressTable:
    """A context manager that shows the progress of jobs while they run."""

    def __init__(self, processes: Sequence[JobProcess], several: bool):
        self._jobs, self._several = processes, several
        self._progress = {id(job): Progress() for job in processes}
        self._lock = threading.Lock()
        live = terminal.console.is_terminal
        self._live = Live(get_renderable=self._view, console=terminal.console, refresh_per_second=4) if live else None

    def __enter__(self) -> "ProgressTable":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live is not None:
            self._live.stop()

    def begin(self, job: JobProcess) -> None:
        """Shows that a job has begun."""
        if self._live is None and not self._several:
            terminal.console.print()
            terminal.console.rule(f"[bold]{escape(job.name)}[/bold]", align="left")

    def on_event(self, job: JobProcess, event: Event) -> None:
        """Shows a log line or the progress that a job reports."""
        with self._lock:
            if "bar" in event:
                self._move(self._progress[id(job)], event)
            elif self._live is None:
                mark = f"{job.name} | " if self._several else ""
                terminal.show_line(mark + event["line"], event["level"])
            elif event["level"] in terminal.STYLES:
                terminal.show_line(f"{job.name}: {event['line']}", event["level"])

    def end(self, job: JobProcess) -> None:
        """Shows that a job has ended."""
        if self._live is None and self._several:
            terminal.show_line(f"{job.name} | {job.status}", "INFO")

    @staticmethod
    def _move(progress: Progress, event: Event) -> None:
        if progress.title != event["bar"]:
            progress.title, progress.since = event["bar"], time.monotonic()
        progress.done, progress.total = event["done"], event["total"]
        progress.words = event["words"] or f"{event['done']:,}/{event['total']:,}"

    def _view(self) -> Group:
        left = _sweep_left(self._jobs)
        words = "" if left is None else f"about {clock(left)} left in total, at the mean time per job so far"
        return Group(self._table(), Text(words, style="dim"))

    def _table(self) -> Table:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
        table.add_column("", justify="right")
        table.add_column("run", overflow="fold", min_width=12)
        table.add_column("status")
        table.add_column("", overflow="ellipsis", no_wrap=True)
        table.add_column("time", justify="right")
        table.add_column("left", justify="right")
        for number, job in enumerate(self._jobs):
            status = job.status
            progress = self._progress[id(job)] if status == "running" else Progress()
            doing = f"{progress.title} {progress.words}" if progress.title else _stage(job)
            words = doing if status == "running" else _outcome(job, status)
            coloured = f"[{COLOURS[status]}]{status}[/]" if status in COLOURS else status
            times = (_time(_elapsed(job)), _time(progress.left))
            table.add_row(str(number), escape(job.name), coloured, escape(words), *times)
        return table


def _time(seconds: float | None) -> str:
    return "" if seconds is None else clock(seconds)


def _stage(job: JobProcess) -> str:
    return str(read_result(job.directory).get("stage") or "")


def _outcome(job: JobProcess, status: str) -> str:
    if status == "finished":
        score = jobs.score(read_result(job.directory))
        return "" if math.isnan(score) else f"validation score {score:.3f}"
    return str(read_result(job.directory).get("error") or "") if status in ("failed", "killed") else ""


def _elapsed(job: JobProcess) -> float | None:
    return None if job.began is None else (job.ended or time.monotonic()) - job.began


def _sweep_left(processes: Iterable[JobProcess]) -> float | None:
    """Returns seconds until the last job ends; None before the first one has ended, and after the last."""
    took = [job.ended - job.began for job in processes if job.began is not None and job.ended is not None]
    running = [time.monotonic() - job.began for job in processes if job.began is not None and job.ended is None]
    waiting = sum(job.began is None and not job.finished for job in processes)
    if not took or not (running or waiting):
        return None
    mean = sum(took) / len(took)
    work = waiting * mean + sum(max(0.0, mean - elapsed) for elapsed in running)
    return work / max(1, len(running))
