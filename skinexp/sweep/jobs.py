"""Jobs of a command: from Hydra's settings to a `Job`, what an earlier attempt left, and the report at the end."""

import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.conf import HydraConf
from hydra.types import RunMode
from rich.markup import escape

from skinexp.core import invocation, run_files
from skinexp.core.result_file import damage_of, mark_interrupted, read_result
from skinexp.core.terminal import console, libraries_write_to
from skinexp.runs.job import Job
from skinexp.runs.json_fields import number
from skinexp.runs.ownership import DirectoryInUse, lock_directory
from skinexp.sweep.manifest import Manifest

log = logging.getLogger(__name__)

ENDING = 60.0  # seconds that the process of an earlier attempt at a job may take to end after its launcher was killed


class SharedDirectory(DirectoryInUse):
    """The mistake of a sweep whose jobs have one directory."""

    def __init__(self, directory: Path):
        super().__init__(
            f"hydra.sweep.subdir: several jobs of the sweep have the directory {directory}. Give each its own, such as "
            "hydra.sweep.subdir='${hydra.job.num}'"
        )


def job_of(settings: HydraConf) -> Job:
    """Returns the job that Hydra is running now."""
    overrides = tuple(word for word in settings.overrides.task if not word.lstrip("+").startswith("overwrite="))
    directory = Path(settings.runtime.output_dir).resolve()
    if settings.mode != RunMode.MULTIRUN:
        invocation.current().place = directory
        name = " ".join(overrides) or settings.runtime.choices["model"]
        return Job(name, overrides, directory, resumed=directory == invocation.current().resumed)
    sweep = Path(settings.sweep.dir).resolve()
    manifest = Manifest.load(sweep)
    return Job(
        name_of(overrides, manifest, settings.job.num),
        overrides,
        directory,
        sweep,
        parent=manifest.key,
        parent_run_id=manifest.parent,
        command=manifest.command,
        resumed=manifest.lives > 1,
    )


def name_of(overrides: Sequence[str], manifest: Manifest, number: int) -> str:
    """Returns the name of a job of a sweep: the overrides that distinguish it from the other jobs."""
    varied = [item for item in overrides if item.partition("=")[0] in manifest.varied]
    return " ".join(varied or overrides) or str(number)


def finished(job: Job) -> float | None:
    """Returns the score of a job that an earlier attempt has finished; None if there is something to do."""
    values = read_result(job.directory) if job.resumed else {}
    if job.resumed and (reason := damage_of(job.directory)):
        log.warning("Damaged   %s: the run is repeated, as %s", job.directory / run_files.RESULT, reason)
    if values.get("status") != "finished" or values.get("failures"):
        return None
    if job.sweep is None:
        log.info("%s has finished: there is nothing to resume", job.directory)
    return score(values)


def score(values: dict[str, Any]) -> float:
    """Returns the objective in the content of result.json; NaN if there is none."""
    metrics, config = values.get("metrics"), values.get("config")
    if not isinstance(metrics, dict) or not isinstance(config, dict):
        return math.nan
    return number(metrics.get(str(config.get("objective"))))


@contextmanager
def owned(job: Job) -> Iterator[None]:
    """Locks the directory of a sweep's job; that of a single run is locked by its command before the run begins.

    Raises:
        UserError: if another process works in the directory, or another job of the sweep has used it.
    """
    if job.sweep is None:
        yield
        return
    lock = lock_directory(job.directory, "hydra.sweep.subdir", wait=ENDING if job.resumed else 0)
    try:
        if not job.resumed and (read_result(job.directory) or damage_of(job.directory)):
            raise SharedDirectory(job.directory)
        yield
    finally:
        lock.release()


@contextmanager
def record_failure(directory: Path) -> Iterator[None]:
    """Writes into result.json and train.log why a job failed that could not do so itself; what it has written stays.

    Args:
        directory: of the job.
    """
    try:
        yield
    except DirectoryInUse:
        raise  # the files there are another job's
    except Exception as error:
        if mark_interrupted(directory, "failed", f"{type(error).__name__}: {error}"):
            logging.getLogger().error("", exc_info=True)  # the root logger writes to the log file alone
        raise


@contextmanager
def report_job(job: Job) -> Iterator[None]:
    """Logs an error instead of raising it, so that a sweep continues with its next job; shows the scores."""
    if job.sweep is not None:
        console.print()
        console.rule(f"[bold]{escape(job.name)}[/bold]", align="left")
    file = job.directory / run_files.TRAIN_LOG
    with invocation.log_failure(file):
        with libraries_write_to(file):
            yield
        if job.sweep is None:
            _show(job)


def _show(job: Job) -> None:
    from skinexp.comparison.cross_validation import pool  # later than the command line: these bring matplotlib
    from skinexp.report.console import run_table
    from skinexp.runs.run_outputs import read_outputs

    configuration = read_result(job.directory)["config"]
    run_table.show(pool([read_outputs(job.directory, configuration["model"]["name"])]))
    run_table.show_next_steps(job.directory, configuration["tracking"]["uri"])
