"""A sweep from its parent run's first moment to its last: what its jobs found, side by side."""

import dataclasses
import logging
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from skinexp import tracking
from skinexp.comparison import cross_validation
from skinexp.config import schema
from skinexp.core.errors import UserError
from skinexp.core.invocation import Invocation, exit_code_of
from skinexp.core.terminal import from_here
from skinexp.report.console import run_table
from skinexp.report.pages import comparison_files
from skinexp.runs import provenance, result
from skinexp.runs.run_summary import RunRecord, load
from skinexp.sweep.manifest import Manifest

log = logging.getLogger(__name__)

TOLD = ("name", "overrides", "status", "error", "run_id")  # of each job, in sweep.json
COMPARISON_FILES = ("comparison.html", "comparison.csv", "comparison.json", "folds.csv", "sweep.json")


@dataclass(frozen=True)
class Sweep:
    """A sweep that is open: its directory, and its run in the tracking store."""

    directory: Path
    record: tracking.Run


def begin(directory: Path, composed: DictConfig, again: bool) -> Sweep:
    """Creates a sweep's directory, manifest and parent run; or opens them again where it is resumed.

    Raises:
        UserError: where there must be a parent run, and the tracking store cannot be used.
    """
    directory.mkdir(parents=True, exist_ok=True)
    options = schema.Tracking(**OmegaConf.to_container(composed.tracking, resolve=True))  # type: ignore[arg-type]
    manifest = Manifest.load(directory) if again else _manifest(composed, options)
    if again:
        manifest.status, manifest.lives = "running", manifest.lives + 1
    git = provenance.git_state()
    tags = {"sweep": directory.name, "git_sha": git.sha, "git_dirty": git.dirty}
    quiet = dataclasses.replace(options, system_metrics=False)  # its jobs sample the machine
    record = tracking.start(quiet, directory, " ".join(manifest.overrides) or directory.name, tags, resume=again)
    record.confirm()
    manifest.key, manifest.parent = record.key, record.id
    manifest.save(directory)
    return Sweep(directory, record)


def _manifest(composed: DictConfig, options: schema.Tracking) -> Manifest:
    overrides = list(composed.hydra.overrides.task)
    return Manifest(
        status="running",
        overrides=overrides,
        varied=varied(composed.hydra.sweeper.get("params") or {}, overrides),
        tracking=vars(options),
        settings=list(composed.hydra.overrides.hydra),
        place=os.getcwd(),
        command=provenance.command_line(),
    )


def varied(params: Mapping[str, str], overrides: Sequence[str]) -> list[str]:
    """Keys that have several values, in a command or in its recipe, over which the command has the last word.

    Args:
        params: key -> values, as hydra.sweeper.params holds them.
        overrides: of the command.
    """
    items = [*(f"{key}={values}" for key, values in params.items()), *overrides]
    asked = {item.key_or_group: item for item in OverridesParser.create().parse_overrides(items)}
    return [key for key, item in asked.items() if item.is_sweep_override()]


def end(sweep: Sweep, status: str, command: Invocation) -> None:
    """Compares what has finished, puts it on the parent run, and closes that.

    Args:
        status: `killed`, or `finished`, which becomes `failed` if a job failed.
        command: takes the exit codes of its jobs that went wrong.

    Raises:
        UserError: where the launcher says that its jobs have run, and none has left anything in the sweep's directory.
    """
    directory, record = sweep.directory, sweep.record
    found = job_directories(directory)
    if not found:
        record.discard()
        if status == "finished":
            raise UserError(
                f"No job has left anything in {from_here(directory)}: run them where this directory is, on a disk that "
                "all machines share"
            )
        return
    manifest = Manifest.load(directory)
    manifest.parent = record.id
    records = [load(job) for job in found]
    manifest.jobs = [_row(job, result.load(job)) for job in found]
    unfinished = [job for job in manifest.jobs if job["status"] != "finished"]
    command.exit_codes += [exit_code_of(str(job["error"])) for job in unfinished]
    if status == "finished" and unfinished:
        status = "failed"
    manifest.status = status
    manifest.save(directory)
    try:
        page = comparison_files.compare(records, directory)
    except BaseException:
        status = "failed"
        raise
    finally:  # the parent run must not stay open, whatever became of the page
        record.metrics(_best(cross_validation.pool(records).records))
        record.close(status, None, *(file for name in COMPARISON_FILES if (file := directory / name).is_file()))
    run_table.show(records)
    run_table.show_next_steps(page, manifest.tracking["uri"])


def job_directories(directory: Path) -> list[Path]:
    """The directories of a sweep's jobs that began, in the order in which they were launched."""
    found = [configuration.parent for configuration in directory.glob("*/.hydra")]
    return sorted(found, key=lambda job: (not job.name.isdigit(), job.name.zfill(9)))


def _row(job: Path, values: dict[str, Any]) -> dict[str, Any]:
    return {"directory": job.name} | {key: values.get(key) for key in TOLD}


def _best(records: list[RunRecord]) -> dict[str, float]:
    """All scores of the run that was best on validation: the test part must not choose."""
    scored = [record for record in records if math.isfinite(record.metric("val/roc_auc"))]
    return max(scored, key=lambda record: record.metric("val/roc_auc")).metrics if scored else {}
