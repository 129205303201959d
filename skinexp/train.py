"""Composes an experiment from conf/ and runs it: one run, or with -m one run for each combination."""

import math
import os
import signal
import sys
from dataclasses import asdict

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from skinexp.cli import help_text
from skinexp.config import config_errors, schema
from skinexp.config.conf_files import CONF
from skinexp.config.validation import check
from skinexp.core import run_files
from skinexp.core.digest import digest
from skinexp.core.errors import UserError, told
from skinexp.runs import provenance
from skinexp.runs.run_log import RunLog
from skinexp.runs.run_summary import ComputeSummary
from skinexp.sweep import callback, jobs, resume

schema.register()


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def compose_and_run(composed: DictConfig) -> float:
    """One job: Hydra's configuration to plain dataclasses, provenance, then the story in `experiment.run`."""
    job = jobs.job_of(HydraConfig.get())
    if (score := jobs.finished(job)) is not None:
        return score
    score = math.nan
    with jobs.reported(job), RunLog(job.directory, job.name, job.overrides) as run_log:
        config = OmegaConf.to_object(composed)
        command = job.command or provenance.command_line()
        run_log.add(command=command, git=provenance.git_state(), parent_run_id=job.parent_run_id)
        run_log.add(config=asdict(config), config_digest=digest(config))
        (job.directory / run_files.PACKAGES).write_text("\n".join(provenance.packages()) + "\n")
        check(config)

        run_log.track(config.tracking, {"sweep": job.sweep and job.sweep.name}, job.parent, job.resumed)

        from skinexp import compute

        chosen = compute.configure(config)  # before anything else imports Keras
        config.compute = chosen.settle(config.compute)
        run_log.add(compute=ComputeSummary(**asdict(chosen)), config=asdict(config))  # with what was left open

        from skinexp import training
        from skinexp.workflows import training as workflow

        score = workflow.run(config, job, run_log)
        run_log.at_end(lambda: training.forget(job.directory))  # not before the result says that the run is finished
    return score  # NaN where the job failed: `reported` has written why, and a sweep goes on


def main() -> None:
    """The command. Exit codes: 0, 1 (a run failed), 2 (a mistake in the command), 130 (stopped by Ctrl-C)."""
    if {"--help", "-h"} & set(sys.argv[1:]):
        print(help_text.render())
        return
    signal.signal(signal.SIGTERM, _interrupt)
    os.environ["HYDRA_FULL_ERROR"] = "1"  # or Hydra prints its errors itself, in many lines
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")  # or `uv run` lets Ray's jobs write into a copy of here
    with told():
        resume.read_arguments()
        _run()
    sys.exit(jobs.exit_code())


def _run() -> None:
    """The run, or the sweep and its end, whatever ended it."""
    try:
        compose_and_run()
        callback.close("finished")
    except KeyboardInterrupt:
        callback.close("killed")
        jobs.stop_at_once(resume.advice())
    except Exception as error:
        callback.close("failed")
        if not config_errors.is_mistake(error):
            raise
        raise UserError(config_errors.explain(error)) from error


def _interrupt(signal_number: int, frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
