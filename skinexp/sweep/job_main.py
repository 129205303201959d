"""A process that runs one job of a sweep: it reads the job from its standard input and tells its story on its output.

    python -m skinexp.sweep.job_main

It ends cleanly, as a job that was stopped, when its input ends: with the launcher, whatever became of that.
"""

import importlib
import logging
import os
import pickle
import signal
import sys
import threading
from dataclasses import dataclass
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import run_job
from omegaconf import DictConfig

from skinexp.core import terminal
from skinexp.sweep import jobs


@dataclass(frozen=True)
class Task:
    """What a job process needs to know.

    Attributes:
        module, function: where the task that Hydra calls is defined.
        config: the job's, composed.
        context: Hydra's.
        state: of Hydra's singletons.
        cores: CPU cores that the job may use; empty: all.
    """

    module: str
    function: str
    config: DictConfig
    context: Any
    state: Any
    cores: tuple[int, ...] = ()


def main() -> None:
    """Runs the job. Exit codes are those of the training command."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the launcher, which decides what follows
    terminal.tell_launcher(os.fdopen(os.dup(1), "w", buffering=1))
    os.dup2(2, 1)  # what a library prints belongs into the log
    task: Task = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_follow, daemon=True).start()
    if task.cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, task.cores)
    Singleton.set_state(task.state)
    function = getattr(importlib.import_module(task.module), task.function)
    try:
        run_job(
            task_function=getattr(function, "__wrapped__", function),  # without Hydra's decorator
            config=task.config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
            hydra_context=task.context,
        )
        code = jobs.exit_code()
    except KeyboardInterrupt:
        code = jobs.INTERRUPTED
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)  # threads that were stopped in the middle would complain on the way out


def _follow() -> None:
    """Stops the job when its launcher has ended."""
    while sys.stdin.buffer.read(1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _interrupt(signal_number: int, frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough; what follows must not be interrupted
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
