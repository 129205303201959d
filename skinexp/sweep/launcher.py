"""The launcher `process`: runs each job of a sweep in a fresh process, so that a crash ends one job only."""

import logging
import os
import queue
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, configure_log, setup_globals
from hydra.types import HydraContext
from omegaconf import DictConfig, open_dict

from skinexp.compute.machine import gpus
from skinexp.core import run_files, terminal
from skinexp.core.errors import UserError
from skinexp.core.result_file import damage_of, mark_interrupted, read_result
from skinexp.runs import ownership
from skinexp.sweep import jobs
from skinexp.sweep.directories import directory_of, refuse_outside
from skinexp.sweep.early_checks import refuse_jobs
from skinexp.sweep.job_main import GRACE, Task
from skinexp.sweep.job_process import JobProcess
from skinexp.sweep.machine_share import Places
from skinexp.sweep.manifest import Manifest
from skinexp.sweep.progress_table import ProgressTable
from skinexp.sweep.store_password import take_password

log = logging.getLogger(__name__)

KILLED = "the system killed the process (signal 9), most often because memory ran out"


def launch(
    job_overrides: Sequence[Sequence[str]],
    first: int,
    at_once: int | None,
    *,
    hydra_context: HydraContext,
    task_function: Callable[[Any], Any],
    config: DictConfig,
) -> list[JobReturn]:
    """Runs the jobs and waits for all of them; jobs that an earlier attempt finished are skipped.

    Args:
        job_overrides: of each job.
        first: number of the first job.
        at_once: largest number of jobs at the same time; None: one per GPU if there are several, else one.

    Raises:
        UserError: if a job cannot be run as it is configured; no job begins then.
        KeyboardInterrupt: if the user stops the sweep; its jobs are stopped first.
    """
    if at_once is not None and at_once < 0:
        raise UserError(f"hydra.launcher.jobs: must be at least 1, or null. Received: {at_once}")
    setup_globals()
    configure_log(config.hydra.hydra_logging, config.hydra.verbose)
    cards = gpus()
    places = Places(at_once or max(1, len(cards)), cards)
    composed = [_compose(config, hydra_context, list(job), first + n) for n, job in enumerate(job_overrides)]
    manifest = Manifest.load(Path(str(config.hydra.sweep.dir)))
    names = [jobs.name_of(list(item.hydra.overrides.task), manifest, item.hydra.job.num) for item in composed]
    resumed = manifest.lives > 1
    directories = [directory_of(item) for item in composed]
    _refuse_shared(directories, resumed)
    refuse_outside(directories, Path(str(config.hydra.sweep.dir)))
    processes = [JobProcess(name, place, resumed) for name, place in zip(names, directories, strict=True)]
    state, function = Singleton.get_state(), _name_of(task_function)
    refuse_jobs([item for process, item in zip(processes, composed, strict=True) if not process.finished])
    waiting = deque(
        (process, Task(*function, config=item, context=hydra_context, state=state, directory=process.directory))
        for process, item in zip(processes, composed, strict=True)
        if not process.finished
    )
    try:
        with ProgressTable(processes, several=places.count > 1) as table:
            _run_all(waiting, places, table)
    except BaseException:  # Ctrl-C, or the system starts no more processes
        stop(processes)
        raise
    return [_returned(process, item) for process, item in zip(processes, composed, strict=True)]


def _run_all(waiting: deque[tuple[JobProcess, Task]], places: Places, table: ProgressTable) -> None:
    """Runs jobs, as many at a time as there are places, until the last has ended."""
    free = deque(range(places.count))
    finished_queue: queue.SimpleQueue[JobProcess] = queue.SimpleQueue()
    running = 0
    while waiting or running:
        while waiting and free:
            process, task = waiting.popleft()
            process.start(task, free.popleft(), places, table.on_event, finished_queue.put)
            table.begin(process)
            running += 1
        ended = finished_queue.get()
        running -= 1
        free.append(ended.place)
        _record_end(ended)
        table.end(ended)


def stop(processes: Sequence[JobProcess]) -> None:
    """Stops jobs so that each records that it was stopped; those that do not within `GRACE` seconds are killed."""
    running = [process for process in processes if process.running]
    if running:
        terminal.show_line("Stopping  the running jobs; press Ctrl-C again to kill them at once", "INFO")
    for process in running:
        process.signal(signal.SIGTERM)
    end = time.monotonic() + GRACE
    try:
        while any(process.running for process in running) and time.monotonic() < end:
            time.sleep(0.1)
    finally:
        for process in running:
            process.signal(signal.SIGKILL)
            process.wait()
            mark_interrupted(process.directory, "killed", "KeyboardInterrupt: ")


def _compose(config: DictConfig, context: HydraContext, overrides: list[str], number: int) -> DictConfig:
    composed = context.config_loader.load_sweep_config(config, overrides)
    with open_dict(composed):
        composed.hydra.job.id = composed.hydra.job.num = number
    take_password(composed)
    return composed


def _refuse_shared(directories: Sequence[Path], resumed: bool) -> None:
    """Refuses jobs that would write into one directory, those of an earlier batch of the sweep included."""
    seen: set[Path] = set()
    for directory in directories:
        if directory in seen or (not resumed and (read_result(directory) or damage_of(directory))):
            raise jobs.SharedDirectory(directory)
        seen.add(directory)


def _name_of(function: Callable[[Any], Any]) -> tuple[str, str]:
    """Returns the module and the name under which another process can import a function of the main module."""
    module = function.__module__
    if module == "__main__" and (spec := sys.modules["__main__"].__spec__) is not None:
        module = spec.name
    return module, function.__name__


def _record_end(process: JobProcess) -> None:
    """Records how a job ended that could not do so itself."""
    code = process.code
    if not code or ownership.is_in_use(process.directory):  # by a process of an earlier attempt
        return
    status, reason = ("killed", KILLED) if code == -signal.SIGKILL else ("failed", _ended_with(code))
    if mark_interrupted(process.directory, status, reason):
        terminal.show_line(f"{process.name} | {reason}", "ERROR")


def _ended_with(code: int) -> str:
    how = f"of signal {-code} ({signal.Signals(-code).name})" if code < 0 else f"with code {code}"
    return f"the process ended {how}; see {run_files.TRAIN_LOG}"


def _returned(process: JobProcess, config: DictConfig) -> JobReturn:
    values = read_result(process.directory)
    return JobReturn(
        overrides=list(config.hydra.overrides.task),
        working_dir=os.getcwd(),
        task_name=config.hydra.job.name,
        status=JobStatus.COMPLETED,  # also where it failed: its score is NaN then, and the sweep has said why
        _return_value=jobs.score(values),
    )
