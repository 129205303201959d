"""A process that runs one job of a sweep: it reads the job from its parent, and reports log lines and progress to it.

    python -m skinexp.sweep.job_main

When its launcher ends, for any reason, it ends cleanly as a job that was stopped.
"""

import importlib
import io
import logging
import os
import signal
import sys
from dataclasses import dataclass
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import run_job
from omegaconf import DictConfig

from skinexp.core import child_processes, invocation, terminal


@dataclass(frozen=True)
class Task:
    """The task of a job process.

    Attributes:
        module, function: module and name of the task that Hydra calls.
        config: the job's composed configuration.
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
    child_processes.ignore_interrupts()
    terminal.report_to(io.TextIOWrapper(child_processes.open_answers(), line_buffering=True))
    task: Task = child_processes.receive_object()
    # The job stops when its launcher has ended.
    child_processes.follow_parent(lambda: None, on_end=lambda: os.kill(os.getpid(), signal.SIGTERM))
    if task.cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, task.cores)
    Singleton.set_state(task.state)
    function = getattr(importlib.import_module(task.module), task.function)
    command = invocation.begin()
    try:
        run_job(
            task_function=getattr(function, "__wrapped__", function),  # without Hydra's decorator
            config=task.config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
            hydra_context=task.context,
        )
        code = command.exit_code
    except KeyboardInterrupt:
        code = invocation.INTERRUPTED
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)  # threads that were stopped in the middle would complain on the way out


def _interrupt(signal_number: int, frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough; what follows must not be interrupted
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
