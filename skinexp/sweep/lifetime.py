"""A sweep from its parent run's first moment to its last: what its jobs found, side by side."""

import logging
import math
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from skinexp import config as schema
from skinexp import provenance, result, tracking
from skinexp.report import comparison, summary
from skinexp.report.records import RunRecord, load
from skinexp.sweep.manifest import Manifest

log = logging.getLogger(__name__)

STATUSES = {"finished": "FINISHED", "failed": "FAILED", "killed": "KILLED"}  # in MLflow's words
COMPARISON_FILES = ("comparison.html", "comparison.csv", "comparison.json", "sweep.json")


def begin(directory: Path, composed: DictConfig) -> None:
    """Creates the sweep's directory, manifest and parent run."""
    directory.mkdir(parents=True, exist_ok=True)
    overrides = list(composed.hydra.overrides.task)
    options = schema.Tracking(**OmegaConf.to_container(composed.tracking, resolve=True))  # type: ignore[arg-type]
    git = provenance.git_state()
    tags = {"sweep": directory.name, "git_sha": git.sha, "git_dirty": git.dirty}
    parent = tracking.open_parent(options, " ".join(overrides) or directory.name, tags)
    varied = [
        item.key_or_group for item in OverridesParser.create().parse_overrides(overrides) if item.is_sweep_override()
    ]
    Manifest("running", overrides, varied, vars(options), provenance.command_line(), parent).save(directory)


def end(directory: Path, status: str) -> None:
    """Compares what has finished, puts it on the parent run, and closes that.

    Args:
        status: `killed`, or `finished`, which becomes `failed` where a job failed.
    """
    manifest = Manifest.load(directory)
    options = schema.Tracking(**manifest.tracking)
    jobs = job_directories(directory)
    if not jobs:
        tracking.discard_parent(options, str(manifest.parent))
        return
    records = [load(job) for job in jobs]
    manifest.jobs = [_row(job, result.load(job)) for job in jobs]
    if status == "finished" and any(job["status"] != "finished" for job in manifest.jobs):
        status = "failed"
    manifest.status = status
    manifest.save(directory)
    try:
        page = comparison.compare(records, directory)
    except BaseException:
        status = "failed"
        raise
    finally:  # the parent run must not stay open, whatever became of the page
        files = [directory / name for name in COMPARISON_FILES if (directory / name).is_file()]
        tracking.close_parent(options, str(manifest.parent), STATUSES[status], _best(records), files)
    summary.show(records)
    summary.show_next_steps(page, options.uri)


def job_directories(directory: Path) -> list[Path]:
    """The directories of a sweep's jobs that began, in the order in which they were launched."""
    found = [configuration.parent for configuration in directory.glob("*/.hydra")]
    return sorted(found, key=lambda job: (not job.name.isdigit(), job.name.zfill(9)))


def _row(job: Path, values: dict[str, Any]) -> dict[str, Any]:
    return {"directory": job.name} | {key: values.get(key) for key in ("name", "overrides", "status", "run_id")}


def _best(records: list[RunRecord]) -> dict[str, float]:
    """All scores of the run that was best on validation: the test part must not choose."""
    scored = [record for record in records if math.isfinite(record.metric("val/roc_auc"))]
    return max(scored, key=lambda record: record.metric("val/roc_auc")).metrics if scored else {}
