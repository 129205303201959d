"""One training, of the command or from Python: provenance, record, backend, and then the training workflow."""

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skinexp.config.compose import to_config
from skinexp.config.schema import Config
from skinexp.config.validation import check
from skinexp.core import run_files
from skinexp.core.digest import digest
from skinexp.runs import provenance
from skinexp.runs.job import Job
from skinexp.runs.ownership import take_directory
from skinexp.runs.run_log import RunLog
from skinexp.runs.run_summary import ComputeSummary
from skinexp.sweep import jobs

if TYPE_CHECKING:
    from skinexp.runs.run_outputs import RunOutputs


def run(job: Job, composed: Mapping[Any, Any]) -> float:
    """Trains what was composed, and records in the job's directory and in MLflow how it ends.

    Args:
        job: directory, name and overrides of the run.
        composed: Hydra's configuration of it.

    Returns:
        The score named by `config.objective`; NaN if the job failed: its log says why, and a sweep goes on.
    """
    if (score := jobs.finished(job)) is not None:
        return score
    score = math.nan
    with jobs.owned(job), jobs.report_job(job), RunLog(job.directory, job.name, job.overrides) as run_log:
        score = _train(to_config(composed, Config), job, run_log)
    return score


def train(config: Config, directory: Path) -> "RunOutputs":
    """Trains a network from Python, and records it in a directory and in MLflow as `python -m skinexp.train` does.

    Only warnings are printed. `.hydra/` and `train.log`, which Hydra writes for the command, are not written.

    Args:
        config: from `skinexp.config.compose`.
        directory: of the run; it is made if it is not there. One that holds a run is refused, unless the configuration
            has `overwrite=true`.

    Returns:
        The run's files, read: its summary, predictions, history and tables.

    Raises:
        UserError: if the directory holds a run and `config.overwrite` is false, if another process works in it, or if
            the configuration does not suit the data or the machine.
    """
    from skinexp.runs.run_outputs import read_outputs  # not at the command's start: it brings pandas

    directory = Path(directory).resolve()
    job = Job(directory.name, (), directory)
    lock = take_directory(directory, "directory", config.overwrite)
    try:
        with RunLog(directory, job.name) as run_log:
            _train(config, job, run_log)
    finally:
        lock.release()
    return read_outputs(directory)


def _train(config: Config, job: Job, run_log: RunLog) -> float:
    """Records what the run comes from, sets up the backend, trains, and returns the score named by `objective`."""
    config = replace(config, overwrite=False)  # it is done, and is no part of the experiment
    command = job.command or provenance.command_line()
    run_log.add(command=command, git=provenance.git_state(), parent_run_id=job.parent_run_id)
    run_log.add(config=asdict(config), config_digest=digest(config))
    (job.directory / run_files.PACKAGES).write_text("\n".join(provenance.packages()) + "\n")
    check(config)
    run_log.track(config.tracking, {"sweep": job.sweep and job.sweep.name}, job.parent, job.resumed)

    from skinexp import compute

    choice = compute.configure(config)  # before anything else imports Keras
    config = choice.resolve(config)
    run_log.add(compute=ComputeSummary(**asdict(choice)), config=asdict(config))

    from skinexp import training
    from skinexp.workflows import training as workflow

    score = workflow.run(config, job, run_log)
    run_log.at_end(lambda: training.forget(job.directory))  # not before result.json says that the run is finished
    return score
