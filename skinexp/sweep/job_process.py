"""The process of a job, as the launcher sees it: start, events, stop."""

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import cloudpickle

from skinexp.core import run_files
from skinexp.core.child_processes import ChildProcess
from skinexp.core.result_file import read_result
from skinexp.sweep.job_main import Task
from skinexp.sweep.machine_share import Places

Event = dict[str, Any]  # what a job reports: a log line, or how far a progress bar is


class JobProcess:
    """One job; see `skinexp.sweep.job_main`.

    Attributes:
        name: what distinguishes it from the other jobs of the sweep.
        directory: its own, where its train.log takes all that its process prints.
        place: which of the places of jobs that run at once it has.
        finished: whether an earlier attempt at the sweep has finished it.
        began, ended: when, on the monotonic clock, in seconds; None before.
    """

    def __init__(self, name: str, directory: Path, resumed: bool):
        self.name, self.directory = name, directory
        values = read_result(directory) if resumed else {}
        self.finished = values.get("status") == "finished" and not values.get("failures")
        self.place = 0
        self.began: float | None = None
        self.ended: float | None = None
        self._process: ChildProcess | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.running

    @property
    def code(self) -> int | None:
        """The exit code; None before the end."""
        return None if self._process is None else self._process.code

    @property
    def status(self) -> str:
        """waiting, running, finished, failed or killed."""
        if self.finished or (self.began is not None and not self.running):
            return str(read_result(self.directory).get("status", "failed"))
        return "running" if self.running else "waiting"

    def start(
        self,
        task: Task,
        place: int,
        places: Places,
        on_event: Callable[["JobProcess", Event], None],
        on_end: Callable[["JobProcess"], None],
    ) -> None:
        """Starts the process with its share of the machine.

        Args:
            place: which of the `places` it takes.
            on_event: called with each event, in a thread.
            on_end: called when the process has ended, in that thread.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        self.place, self.began = place, time.monotonic()
        self._process = ChildProcess(
            "skinexp.sweep.job_main",
            errors=self.directory / run_files.TRAIN_LOG,
            variables=places.gpu_variables(place),
            option="hydra.launcher.n_jobs=1",
        )
        with suppress(BrokenPipeError):
            self._process.send(cloudpickle.dumps(replace(task, cores=places.cores(place))))
        threading.Thread(target=self._listen, args=(self._process, on_event, on_end), daemon=True).start()

    def signal(self, number: int) -> None:
        if self._process is not None:
            self._process.signal(number)

    def wait(self) -> None:
        if self._process is not None:
            self._process.wait()

    def _listen(
        self,
        process: ChildProcess,
        on_event: Callable[["JobProcess", Event], None],
        on_end: Callable[["JobProcess"], None],
    ) -> None:
        for line in process.answers:
            with suppress(ValueError):  # not an event
                on_event(self, json.loads(line))
        process.wait()
        self.ended = time.monotonic()
        process.close()
        on_end(self)
