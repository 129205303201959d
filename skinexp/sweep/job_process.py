"""A job's process from the launcher's side: started, listened to, stopped."""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import cloudpickle
import joblib

from skinexp.core import child_processes
from skinexp.core.result_file import read_result
from skinexp.sweep.job_main import Task

Event = dict[str, Any]  # what a job says: a line of its story, or how far a bar is


class Child:
    """One job; see `skinexp.sweep.job_main`.

    Attributes:
        name: what tells it from its siblings.
        directory: its own, where its train.log takes all that its process prints.
        slot: which of the places of jobs that run at once it has.
        finished: whether an earlier life of the sweep has finished it.
        began, ended: when, on the monotonic clock; None before.
    """

    def __init__(self, name: str, directory: Path, resumed: bool):
        self.name, self.directory = name, directory
        self.finished = resumed and read_result(directory).get("status") == "finished"
        self.slot = 0
        self.began: float | None = None
        self.ended: float | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def code(self) -> int | None:
        """The exit code; None before the end."""
        return None if self._process is None else self._process.poll()

    @property
    def status(self) -> str:
        """waiting, running, finished, failed or killed."""
        if self.finished or (self.began is not None and not self.running):
            return str(read_result(self.directory).get("status", "failed"))
        return "running" if self.running else "waiting"

    def start(
        self,
        task: Task,
        slot: int,
        slots: int,
        cards: Sequence[str],
        news: "queue.SimpleQueue[Child]",
        hear: Callable[["Child", Event], None],
    ) -> None:
        """Starts the process with its share of the machine.

        Args:
            slot: which of `slots` places it takes.
            cards: GPUs, as CUDA_VISIBLE_DEVICES names them.
            news: gets this object when the process has ended.
            hear: called with each event, in a thread.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        self.slot, self.began = slot, time.monotonic()
        with (self.directory / "train.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "skinexp.sweep.job_main"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=child_processes.environment() | _gpu(slot, slots, cards),
                start_new_session=True,  # Ctrl-C is the launcher's business
            )
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.write(cloudpickle.dumps(replace(task, cores=_share(slot, slots))))
                self._process.stdin.flush()  # and stays open: its end would stop the job
        threading.Thread(target=self._listen, args=(news, hear), daemon=True).start()

    def signal(self, number: int) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    def wait(self) -> None:
        if self._process is not None:
            self._process.wait()

    def _listen(self, news: "queue.SimpleQueue[Child]", hear: Callable[["Child", Event], None]) -> None:
        process = self._process
        if process is None or process.stdout is None or process.stdin is None:
            raise RuntimeError("a job's process without pipes")
        for line in process.stdout:
            with suppress(ValueError):  # not ours
                hear(self, json.loads(line))
        process.wait()
        self.ended = time.monotonic()
        with suppress(BrokenPipeError):
            process.stdin.close()
        process.stdout.close()
        news.put(self)


def _gpu(slot: int, slots: int, cards: Sequence[str]) -> dict[str, str]:
    """Which GPU is a job's own, where there are several, and whether others compute on it too."""
    own = {"CUDA_VISIBLE_DEVICES": cards[slot % len(cards)]} if len(cards) > 1 else {}
    shared = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"} if cards and slots > len(cards) else {}
    return own | shared


def _share(slot: int, slots: int) -> tuple[int, ...]:
    """The cores of one place, where several share the machine: as many each, or one that others have too."""
    if slots == 1 or not hasattr(os, "sched_getaffinity"):
        return ()
    cores = sorted(os.sched_getaffinity(0))[: joblib.cpu_count()]
    return tuple(cores[slot::slots]) or (cores[slot % len(cores)],)
