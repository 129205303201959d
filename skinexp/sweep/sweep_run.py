"""The run of a sweep in the tracking store: opened before its jobs, closed with their comparison."""

import dataclasses
import logging
import os
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from skinexp import tracking
from skinexp.comparison.analyse import analyse
from skinexp.comparison.cross_validation import pool
from skinexp.config import schema
from skinexp.core import run_files
from skinexp.core.credentials import hidden, keep_password
from skinexp.core.errors import UserError, sentence_of
from skinexp.core.invocation import FAILED, Invocation, exit_code_of
from skinexp.core.python_command import skinexp_command
from skinexp.core.result_file import read_result
from skinexp.core.terminal import from_here
from skinexp.data.preparation.cache_lock import require_usable
from skinexp.report.console import run_table
from skinexp.report.pages import comparison_files
from skinexp.runs import provenance, written_files
from skinexp.runs.lookup import job_directories
from skinexp.runs.run_outputs import read_outputs
from skinexp.sweep.manifest import Manifest

log = logging.getLogger(__name__)

RECORDED = ("name", "overrides", "status", "error", "run_id")  # of each job, in sweep.json
COMPARISON_FILES = (
    run_files.COMPARISON_PAGE,
    run_files.COMPARISON_TABLE,
    run_files.COMPARISON_VALUES,
    run_files.COMPARISON_SCORES,
    run_files.COMPARISON_PAIRS,
    run_files.COMPARISON_DIFFERENCES,
    run_files.FOLDS,
    run_files.CHECKLIST,
    run_files.SWEEP,
)


@dataclass(frozen=True)
class Sweep:
    """An open sweep.

    Attributes:
        directory: of the sweep.
        record: its run in the tracking store.
        manifest: None: that of the directory.
        resumed: whether the sweep is resumed.
    """

    directory: Path
    record: tracking.TrackedRun
    manifest: Manifest | None = None
    resumed: bool = False


def begin(directory: Path, composed: DictConfig, again: bool) -> Sweep:
    """Creates a sweep's directory, manifest and parent run; or opens them again if the sweep is resumed.

    Args:
        directory: of the sweep.
        composed: the configuration that Hydra composed, without the overrides of jobs.
        again: whether the sweep is resumed.

    Raises:
        UserError: if tracking is required and the store cannot be used.
    """
    require_usable(Path(str(OmegaConf.select(composed, "data.cache", default=schema.Data.cache))))
    directory.mkdir(parents=True, exist_ok=True)
    options = schema.Tracking(**OmegaConf.to_container(composed.tracking, resolve=True))  # type: ignore[arg-type]
    options = dataclasses.replace(options, uri=keep_password(options.uri))
    manifest = Manifest.load(directory) if again else _manifest(composed, options)
    if again:
        manifest = _continued(manifest, options)
    git = provenance.git_state()
    tags = {"sweep": directory.name, "git_sha": git.sha, "git_dirty": git.dirty}
    quiet = dataclasses.replace(options, system_metrics=False)  # its jobs sample the machine
    record = tracking.start(quiet, directory, " ".join(manifest.overrides) or directory.name, tags, resume=again)
    record.confirm()
    manifest.key, manifest.parent = record.key, record.id
    manifest.save(directory)
    return Sweep(directory, record, manifest, resumed=again)


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


def _continued(manifest: Manifest, options: schema.Tracking) -> Manifest:
    """Returns the manifest of a sweep that is resumed; records of earlier versions may have a password in it."""
    return dataclasses.replace(
        manifest,
        status="running",
        lives=manifest.lives + 1,
        tracking=vars(options),
        overrides=list(map(hidden, manifest.overrides)),
        settings=list(map(hidden, manifest.settings)),
        command=hidden(manifest.command),
    )


def varied(params: Mapping[str, str], overrides: Sequence[str]) -> list[str]:
    """Returns the keys that have several values, in a command or in its recipe; the command takes precedence.

    Args:
        params: key -> values, as in hydra.sweeper.params.
        overrides: of the command.
    """
    items = [*(f"{key}={values}" for key, values in params.items()), *overrides]
    asked = {item.key_or_group: item for item in OverridesParser.create().parse_overrides(items)}
    return [key for key, item in asked.items() if item.is_sweep_override()]


def end(sweep: Sweep, status: str, command: Invocation) -> None:
    """Compares the finished runs of a sweep, adds the comparison to its parent run, and closes that run.

    Args:
        sweep: as `begin` returned it.
        status: `killed`, or `finished`, which becomes `failed` if a job failed.
        command: receives the exit codes of the jobs that failed.

    Raises:
        UserError: if the launcher has run the jobs, but there is no result in the sweep's directory.
    """
    directory, record = sweep.directory, sweep.record
    found = job_directories(directory)
    if not found:
        _end_without_jobs(sweep, status)
        return
    manifest = sweep.manifest or Manifest.load(directory)
    manifest.parent = record.id
    records = [read_outputs(job) for job in found]
    manifest.jobs = [_row(job, read_result(job)) for job in found]
    unfinished = [job for job in manifest.jobs if job["status"] != "finished"]
    command.exit_codes += [exit_code_of(str(job["error"])) for job in unfinished]
    command.exit_codes += [FAILED for record in records if record.finished and record.summary.failures]
    if status == "finished" and unfinished:
        status = "failed"
    manifest.status = status
    manifest.save(directory)
    scores: dict[str, float] = {}
    folds, comparison, page = None, None, directory
    try:
        folds = pool(records)
        comparison = analyse(records)
        scores = comparison.best.metrics if comparison.best else {}
        page = comparison_files.write_comparison(comparison, directory)
    except Exception as error:  # the runs are complete, whatever became of the page
        manifest.status = status = "failed"
        command.exit_codes.append(FAILED)
        with suppress(OSError):
            manifest.save(directory)
        _report_no_page(directory, error)
    except BaseException:  # Ctrl-C
        status = "killed"
        raise
    finally:  # the parent run must not stay open
        record.metrics(scores)
        record.close(status, None, *(file for name in COMPARISON_FILES if (file := directory / name).is_file()))
    if folds is not None:
        run_table.show(folds, comparison)
    run_table.show_next_steps(page, manifest.tracking["uri"])


def _end_without_jobs(sweep: Sweep, status: str) -> None:
    sweep.record.discard()
    if status == "failed" and not sweep.resumed:
        written_files.remove(sweep.directory)  # a mistake before the first job: the corrected command may use it
    if status == "finished":
        raise UserError(
            f"There is no result of any job in {from_here(sweep.directory)}: use a directory on a disk that all "
            "machines share"
        )


def _report_no_page(directory: Path, error: Exception) -> None:
    """Logs why a sweep has no comparison page, with the traceback in a file, if there is room for it."""
    with suppress(OSError):
        (directory / run_files.TRACEBACK).write_text("".join(traceback.format_exception(error)))
    command = skinexp_command("compare", str(from_here(directory)))
    log.error(
        "The comparison page failed: %s. The runs are complete; to compare them again: %s", sentence_of(error), command
    )


def _row(job: Path, values: dict[str, Any]) -> dict[str, Any]:
    return {"directory": job.name} | {key: values.get(key) for key in RECORDED}
