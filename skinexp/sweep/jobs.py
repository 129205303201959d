"""From Hydra's settings to a `Job`, and from a job's failure to a sentence and an exit code."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra.conf import HydraConf
from hydra.types import RunMode
from rich.markup import escape

from skinexp.errors import UserError
from skinexp.job import Job
from skinexp.sweep.manifest import Manifest
from skinexp.terminal import console, libraries_write_to

log = logging.getLogger(__name__)

FAILED, MISTAKEN = 1, 2  # exit codes: something broke; the user asked for what cannot be done

exit_codes: list[int] = []  # of the jobs of this process that went wrong


def job_of(settings: HydraConf) -> Job:
    """The job that Hydra is running now."""
    overrides = tuple(settings.overrides.task)
    directory = Path(settings.runtime.output_dir).resolve()
    if settings.mode != RunMode.MULTIRUN:
        return Job(" ".join(overrides) or settings.runtime.choices["model"], overrides, directory)
    sweep = Path(settings.sweep.dir).resolve()
    manifest = Manifest.load(sweep)
    varied = [item for item in overrides if item.partition("=")[0] in manifest.varied]
    return Job(" ".join(varied or overrides) or str(settings.job.num), overrides, directory, sweep, manifest.parent)


@contextmanager
def reported(job: Job) -> Iterator[None]:
    """Says what went wrong instead of raising, so that a sweep goes on with its next job; at the end, what came out.

    The person reads one sentence; train.log holds the traceback.
    """
    if job.sweep is not None:
        console.print()
        console.rule(f"[bold]{escape(job.name)}[/bold]", align="left")
    try:
        with libraries_write_to(job.directory / "train.log"):
            yield
        if job.sweep is None:
            _show(job)
    except UserError as error:
        log.error("%s", error)
        exit_codes.append(MISTAKEN)
    except Exception as error:
        log.error("%s: %s (the traceback is in train.log)", type(error).__name__, error)
        logging.getLogger().error("", exc_info=True)  # the root logger writes to train.log alone
        exit_codes.append(FAILED)


def _show(job: Job) -> None:
    from skinexp import result  # later than the command line: these bring matplotlib
    from skinexp.report import summary
    from skinexp.report.records import load

    configuration = result.load(job.directory)["config"]
    summary.show([load(job.directory, configuration["model"]["name"])])
    summary.show_next_steps(job.directory, configuration["tracking"]["uri"])


def exit_code() -> int:
    """0, or the gravest of what went wrong in this process: a failure before a mistake."""
    return min(exit_codes, default=0)
