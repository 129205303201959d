"""One job of the training command: provenance, record, backend, and then the training workflow."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from skinexp import tracking
from skinexp.config.compose import to_config
from skinexp.config.schema import Config
from skinexp.config.validation import check
from skinexp.core.digest import digest
from skinexp.runs import provenance
from skinexp.runs.job import Job
from skinexp.runs.result import Result
from skinexp.sweep import jobs


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
    with jobs.report_job(job), Result(job.directory, name=job.name, overrides=job.overrides) as result:
        config = to_config(composed, Config)
        git = asdict(provenance.git_state())
        result.add(command=job.command or provenance.command_line(), git=git, parent_run_id=job.parent_run_id)
        result.add(config=asdict(config), config_digest=digest(config))
        (job.directory / "packages.txt").write_text("\n".join(provenance.packages()) + "\n")
        check(config)

        tags = {"model": config.model.name, "sweep": job.sweep and job.sweep.name}
        tags |= {f"git_{name}": value for name, value in git.items()}
        record = tracking.start(config.tracking, job.directory, job.name, tags, job.parent, job.resumed)
        result.at_end(record.close)

        from skinexp import compute

        choice = compute.configure(config)  # before anything else imports Keras
        result.add(compute=asdict(choice))

        from skinexp.workflows import training

        score = training.run(choice.resolve(config), job, result, record)
        result.at_end(training.forget_training)  # not before the result says that the run is finished
    return score
