"""Composes an experiment from conf/ and runs it: one run, or with -m one run for each combination."""

import math
import os
import signal
import sys
from dataclasses import asdict

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from skinexp import tracking
from skinexp.cli import help_text
from skinexp.config import config_errors, schema
from skinexp.config.conf_files import CONF
from skinexp.config.validation import check
from skinexp.core import invocation
from skinexp.core.digest import digest
from skinexp.core.errors import UserError, told
from skinexp.core.invocation import Invocation
from skinexp.runs import provenance
from skinexp.runs.result import Result
from skinexp.sweep import jobs, resume

schema.register()


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def compose_and_run(composed: DictConfig) -> float:
    """One job: Hydra's configuration to plain dataclasses, provenance, then the story in `experiment.run`."""
    job = jobs.job_of(HydraConfig.get())
    if (score := jobs.finished(job)) is not None:
        return score
    score = math.nan
    with jobs.report_job(job), Result(job.directory, name=job.name, overrides=job.overrides) as result:
        config = OmegaConf.to_object(composed)
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

        chosen = compute.configure(config)  # before anything else imports Keras
        result.add(compute=asdict(chosen))
        config.compute = chosen.settle(config.compute)

        from skinexp.workflows import training

        score = training.run(config, job, result, record)
        result.at_end(training.forget_training)  # not before the result says that the run is finished
    return score  # NaN where the job failed: `report_job` has logged why, and a sweep goes on


def main() -> None:
    """The command. Exit codes: 0, 1 (a run failed), 2 (a mistake in the command), 130 (stopped by Ctrl-C)."""
    if {"--help", "-h"} & set(sys.argv[1:]):
        print(help_text.render())
        return
    signal.signal(signal.SIGTERM, _interrupt)
    os.environ["HYDRA_FULL_ERROR"] = "1"  # or Hydra prints its errors itself, in many lines
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")  # or `uv run` lets Ray's jobs write into a copy of here
    with told():
        command = invocation.begin(resume.read_arguments())
        _run(command)
    sys.exit(command.exit_code)


def _run(command: Invocation) -> None:
    """Runs the run or the sweep, and its end, whatever ended it."""
    try:
        compose_and_run()
        command.end("finished")
    except KeyboardInterrupt:
        command.end("killed")
        invocation.stop_at_once(resume.advice(command.place))
    except Exception as error:
        command.end("failed")
        if not config_errors.is_mistake(error):
            raise
        raise UserError(config_errors.explain(error)) from error


def _interrupt(signal_number: int, frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
