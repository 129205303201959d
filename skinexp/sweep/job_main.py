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
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import run_job
from omegaconf import DictConfig

from skinexp.core import child_processes, invocation, run_files, terminal
from skinexp.core.errors import MISTAKEN, UserError
from skinexp.core.result_file import mark_interrupted
from skinexp.runs.ownership import DirectoryInUse

GRACE = 90  # seconds that a job may take to write down that it was stopped


@dataclass(frozen=True)
class Task:
    """The task of a job process.

    Attributes:
        module, function: module and name of the task that Hydra calls.
        config: the job's composed configuration.
        context: Hydra's.
        state: of Hydra's singletons.
        directory: the job's.
        cores: CPU cores that the job may use; empty: all.
    """

    module: str
    function: str
    config: DictConfig
    context: Any
    state: Any
    directory: Path
    cores: tuple[int, ...] = ()


def main() -> None:
    """Runs the job. Exit codes are those of the training command."""
    signal.signal(signal.SIGTERM, _interrupt)
    child_processes.ignore_interrupts()
    terminal.report_to(io.TextIOWrapper(child_processes.open_answers(), line_buffering=True))
    task: Task = child_processes.receive_object()
    child_processes.follow_parent(lambda: None, on_end=_stop_without_launcher)
    if task.cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, task.cores)
    try:
        code = run(task)
    except KeyboardInterrupt:
        code = invocation.INTERRUPTED
    except Exception as error:
        code = _record_failure(error, task.directory)
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)  # threads that were stopped in the middle would complain on the way out


def run(task: Task) -> int:
    """Runs the job of a task as Hydra does, and returns its exit code.

    Raises:
        Exception: what prevented the job, or what its function raised.
    """
    Singleton.set_state(task.state)
    function = getattr(importlib.import_module(task.module), task.function)
    command = invocation.begin()
    returned = run_job(
        task_function=getattr(function, "__wrapped__", function),  # without Hydra's decorator
        config=task.config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
        hydra_context=task.context,
    )
    _ = returned.return_value  # raises the error of a function that failed
    return command.exit_code


def _record_failure(error: Exception, directory: Path) -> int:
    """Records why a job failed that could not do so itself, and returns its exit code.

    The reason goes to result.json and to the launcher, the traceback to standard error, which is train.log.
    """
    reason = f"{type(error).__name__}: {error}"
    if isinstance(error, UserError):
        terminal.report_line(str(error), "ERROR")
    else:
        terminal.report_line(f"{reason} (the traceback is in {run_files.TRAIN_LOG})", "ERROR")
    if not isinstance(error, DirectoryInUse) and mark_interrupted(directory, "failed", reason):
        traceback.print_exception(error)
    return MISTAKEN if isinstance(error, UserError) else invocation.FAILED


def _stop_without_launcher() -> None:
    """Stops the job as its launcher would: the interrupt can be lost in a library that catches all exceptions."""
    child_processes.end_within(GRACE)
    os.kill(os.getpid(), signal.SIGTERM)


def _interrupt(signal_number: int, frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough; what follows must not be interrupted
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
