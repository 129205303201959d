"""From Hydra's settings to a `Job`, and from a job's failure to a sentence and an exit code."""

import logging
import math
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from hydra.conf import HydraConf
from hydra.types import RunMode
from rich.markup import escape

from skinexp.core.errors import MISTAKEN, UserError
from skinexp.core.terminal import console, libraries_write_to
from skinexp.runs import result
from skinexp.runs.job import Job
from skinexp.sweep import resume
from skinexp.sweep.manifest import Manifest

log = logging.getLogger(__name__)

FAILED, INTERRUPTED = 1, 130  # exit codes: something broke; stopped from outside, as shells have it

exit_codes: list[int] = []  # of the jobs of this process that went wrong


def job_of(settings: HydraConf) -> Job:
    """The job that Hydra is running now."""
    overrides = tuple(settings.overrides.task)
    directory = Path(settings.runtime.output_dir).resolve()
    if settings.mode != RunMode.MULTIRUN:
        resume.place = directory
        name = " ".join(overrides) or settings.runtime.choices["model"]
        return Job(name, overrides, directory, resumed=directory == resume.asked)
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
    """What a job of a sweep is called: what tells it from its siblings."""
    varied = [item for item in overrides if item.partition("=")[0] in manifest.varied]
    return " ".join(varied or overrides) or str(number)


def finished(job: Job) -> float | None:
    """The score of a job that an earlier life of its sweep has finished; None where there is something to do."""
    values = result.load(job.directory) if job.resumed else {}
    if values.get("status") != "finished":
        return None
    if job.sweep is None:
        log.info("%s has finished: there is nothing to go on with", job.directory)
    return score(values)


def score(values: dict[str, Any]) -> float:
    """The objective in a result.json; NaN where there is none."""
    found = values.get("metrics", {}).get(values.get("config", {}).get("objective"))
    return math.nan if found is None else float(found)


@contextmanager
def reported(job: Job) -> Iterator[None]:
    """Says what went wrong instead of raising, so that a sweep goes on with its next job; at the end, what came out."""
    if job.sweep is not None:
        console.print()
        console.rule(f"[bold]{escape(job.name)}[/bold]", align="left")
    file = job.directory / "train.log"
    with in_one_sentence(file):
        with libraries_write_to(file):
            yield
        if job.sweep is None:
            _show(job)


@contextmanager
def in_one_sentence(file: Path) -> Iterator[None]:
    """Says what went wrong instead of raising: the person reads one sentence, the log file holds the traceback."""
    try:
        yield
    except UserError as error:
        log.error("%s", error)
        exit_codes.append(MISTAKEN)
    except Exception as error:
        log.error("%s: %s (the traceback is in %s)", type(error).__name__, error, file.name)
        logging.getLogger().error("", exc_info=True)  # the root logger writes to the log file alone
        exit_codes.append(FAILED)


def _show(job: Job) -> None:
    from skinexp.comparison.cross_validation import pool  # later than the command line: these bring matplotlib
    from skinexp.report.console import run_table
    from skinexp.runs.run_outputs import read_outputs

    configuration = result.load(job.directory)["config"]
    run_table.show(pool([read_outputs(job.directory, configuration["model"]["name"])]))
    run_table.show_next_steps(job.directory, configuration["tracking"]["uri"])


def stop_at_once(words: str) -> NoReturn:
    """Ends the process after Ctrl-C: its threads, stopped in the middle, would complain on an orderly way out."""
    print(words, file=sys.stderr)
    logging.shutdown()
    sys.stdout.flush()
    os._exit(INTERRUPTED)


def exit_code() -> int:
    """0, or the gravest of what went wrong in this process: a failure before a mistake."""
    return min(exit_codes, default=0)


def code_of(error: str) -> int:
    """The exit code for what result.json says of a run that did not finish."""
    return MISTAKEN if error.startswith(UserError.__name__) else FAILED
