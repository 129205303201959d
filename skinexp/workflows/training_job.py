"""One training, of the command or from Python: provenance, record, backend, and then the training workflow."""

import logging
import math
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skinexp.config.compose import to_config
from skinexp.config.schema import Config
from skinexp.config.validation import check
from skinexp.core import invocation, run_files
from skinexp.core.digest import digest
from skinexp.core.errors import disk_full_as_user_error
from skinexp.runs import provenance
from skinexp.runs.job import Job
from skinexp.runs.ownership import take_directory
from skinexp.runs.run_log import RunLog
from skinexp.runs.run_summary import ComputeSummary
from skinexp.sweep import jobs

if TYPE_CHECKING:
    from skinexp.runs.run_outputs import RunOutputs

log = logging.getLogger(__name__)


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
    with jobs.owned(job), jobs.report_job(job):
        with RunLog(job.directory, job.name, job.overrides) as run_log, _room_for(job):
            score = _train(to_config(composed, Config), job, run_log)
        if run_log.summary.failures:
            invocation.current().exit_codes.append(invocation.FAILED)
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
        StageError: if the network was trained, but could not be saved or has no scores. Any other stage behind the
            training that fails is named in `summary.failures` of what is returned, and in a warning.
    """
    from skinexp.runs.run_outputs import read_outputs  # not at the command's start: it brings pandas

    directory = Path(directory).resolve()
    job = Job(directory.name, (), directory)
    lock = take_directory(directory, "directory", config.overwrite)
    try:
        with RunLog(directory, job.name) as run_log, _room_for(job):
            _train(config, job, run_log)
    finally:
        lock.release()
    if run_log.summary.failures:
        log.warning("Incomplete %s", run_log.summary.incomplete)
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

    from skinexp.data.preparation.cache_lock import require_usable
    from skinexp.data.sources import registry

    with run_log.stage("data"):  # before the backend, whose import takes long: most mistakes are found here
        require_usable(Path(config.data.cache))
        table = registry.load(config.data, config.data_seed)

    from skinexp import compute

    choice = compute.configure(config)  # before anything else imports Keras
    config = choice.resolve(config)
    run_log.add(compute=ComputeSummary(**asdict(choice)), config=asdict(config))

    from skinexp.workflows import training as workflow
    from skinexp.workflows.training_steps import TrainingSteps

    score = workflow.run(config, job, run_log, TrainingSteps(load=lambda data, seed: table))
    run_log.at_end(lambda: _forget_training(job, run_log))  # not before result.json says that the run is finished
    return score


def _forget_training(job: Job, run_log: RunLog) -> None:
    """Removes the checkpoint, unless `resume=` has to repeat a stage behind the training."""
    from skinexp import training

    if not run_log.summary.failures:
        training.forget(job.directory)


def _room_for(job: Job) -> AbstractContextManager[None]:
    """Encloses a run whose disk may become full."""
    resumed = job.sweep or job.directory
    return disk_full_as_user_error(job.directory, f"resume with resume={resumed}")
