"""The one search for runs: by directory, sweep, MLflow id, model file or filter. Models are read without Keras."""

import json
import logging
import math
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from skinexp.config.schema import Preprocess, Tracking
from skinexp.core import run_files
from skinexp.core.errors import UserError
from skinexp.core.temporary import temporary_directory
from skinexp.runs.json_fields import from_json, unusable_fields
from skinexp.runs.run_summary import RunSummary, read_summary
from skinexp.runs.trusted_model import foreign_code
from skinexp.tracking.outbox import Outbox

if TYPE_CHECKING:
    from skinexp.evaluation.decision.calibration import Calibrator

log = logging.getLogger(__name__)

METADATA = "skinexp.json"  # as models.archive calls it, which brings Keras


@dataclass(frozen=True)
class TrainedRun:
    """A run whose network can be used.

    Attributes:
        named: as the command names it.
        name: the run's own.
        model_file: a copy of the file with the network, and what is needed to use it; it ends with this process.
        summary: what the run reports about itself; empty for a model file without its run.
        preprocess: how images are prepared for its network.
        threshold: operating threshold of the calibrated probability; NaN if there is none.
        calibrator: fitted on validation images; in files of earlier versions there is none.
        run_id: in MLflow; None if the run was not tracked, or is not delivered yet.
        tracking: where runs below it are tracked; None if it was not tracked itself.
        key: that names it there.
    """

    named: str
    name: str
    model_file: Path
    summary: RunSummary
    preprocess: Preprocess
    threshold: float
    calibrator: "Calibrator"
    run_id: str | None
    tracking: Tracking | None
    key: str | None

    @property
    def model(self) -> str:
        """Name of its network."""
        return str((self.summary.model and self.summary.model.name) or self.name)

    @property
    def validation_prevalence(self) -> float:
        """Share of malignant images among those that calibrated it; NaN if that is unknown."""
        counts = self.summary.data.counts.get("val", {}) if self.summary.data else {}
        images = counts.get("benign", 0) + counts.get("malignant", 0)
        return counts.get("malignant", 0) / images if images else math.nan


def locate_run(run: str, uri: str | None) -> TrainedRun:
    """Locates one run, and reads what its model's file says.

    Args:
        run: the run's directory, its MLflow id, or a model file itself.
        uri: the store; None: the run's own, or the usual one for an id.

    Returns:
        The run. A model file that is not in its run's directory is a run that was not tracked.

    Raises:
        UserError: if there is no such run, or it has no model that can be used.
    """
    path = Path(run)
    if path.is_dir():
        return _in_directory(run, path, uri)
    if path.is_file():
        if path.name == run_files.MODEL and (path.parent / run_files.RESULT).is_file():
            return _in_directory(run, path.parent, uri)
        return _read(run, path)
    from skinexp.tracking import mlflow_store  # seconds: it brings MLflow

    options = Tracking(uri=uri or Tracking.uri, required=False, system_metrics=False)
    stored = mlflow_store.model(options, run)
    options = replace(options, experiment=stored.experiment)
    summary = _summary(stored.directory)
    return _read(run, stored.directory / run_files.MODEL, summary, run_id=run, tracking=options, key=stored.key)


def locate_runs(runs: Sequence[str], uri: str, where: str | None = None) -> list[Path]:
    """Locates all runs that are named, and those that a filter finds, whether they have finished or not.

    Args:
        runs: directories of runs or of sweeps, or MLflow ids of runs or of sweeps; a sweep stands for all its runs.
        uri: the store in which ids are looked up, and which the filter searches.
        where: a filter in the language of MLflow's search.

    Returns:
        The runs' directories in the given order, each sweep's in the order in which its jobs began; those of MLflow
        runs are copies. A run may be there twice.

    Raises:
        UserError: if something that is named is not there, or the filter finds nothing.
    """
    options = Tracking(uri=uri)
    found = [directory for run in runs for directory in _directories(run, options)]
    if where is None:
        return found
    from skinexp.tracking import mlflow_store

    return found + [mlflow_store.download(options, run_id) for run_id in mlflow_store.search(options, where)]


def job_directories(sweep: Path) -> list[Path]:
    """Returns the directories of a sweep's jobs that began, in the order in which they were launched."""
    marks = (run_files.HYDRA, run_files.TRAIN_LOG)  # a process that ended at once left its log alone
    found = {file.parent for mark in marks for file in sweep.glob(f"*/{mark}")}
    return sorted(found, key=lambda job: (not job.name.isdigit(), job.name.zfill(9)))


def _directories(run: str, options: Tracking) -> list[Path]:
    directory = Path(run)
    if (directory / run_files.RESULT).is_file():
        return [directory]
    if directory.is_dir():
        if jobs := job_directories(directory):
            return jobs
        raise UserError(f"{run}: contains neither a run ({run_files.RESULT}) nor runs of a sweep")
    from skinexp.tracking import mlflow_store

    stored = mlflow_store.find(options, run)
    return [mlflow_store.download(options, run_id) for run_id in stored.children or (stored.id,)]


def _in_directory(run: str, directory: Path, uri: str | None) -> TrainedRun:
    summary = _summary(directory)
    if summary is None:
        jobs = sorted(file.parent.name for file in directory.glob(f"*/{run_files.RESULT}"))
        hint = f". It is a sweep: name one of its runs, {directory / jobs[0]}" if jobs else ""
        raise UserError(f"{run}: holds no run ({run_files.RESULT} is not there){hint}")
    model = directory / run_files.MODEL
    if not model.is_file():
        raise UserError(f"{run}: holds no {model.name}; the run is {summary.status}. Name one that has finished")
    outbox = Outbox(directory)
    if not outbox:
        return _read(run, model, summary)
    opening = outbox.opening
    stored = summary.setting("tracking")
    known = from_json(Tracking, stored if isinstance(stored, dict) else {})
    place = {"uri": uri or outbox.store, "experiment": opening["experiment"]}
    options = replace(known, **place, required=False, system_metrics=False)
    return _read(run, model, summary, run_id=outbox.delivered().run_id, tracking=options, key=opening["key"])


def _summary(directory: Path) -> RunSummary | None:
    """Returns what a run reports about itself; nothing if that is damaged: its network can be used all the same."""
    try:
        return read_summary(directory)
    except UserError as error:
        log.warning("Damaged   %s. The network beside it says what its use needs", error)
        return RunSummary()


def _read(
    run: str,
    model: Path,
    summary: RunSummary | None = None,
    run_id: str | None = None,
    tracking: Tracking | None = None,
    key: str | None = None,
) -> TrainedRun:
    """Reads the model's file without Keras, so that a mistake is reported at once."""
    from skinexp.evaluation.decision.calibration import Calibrator  # later than --help: it brings scikit-learn

    checked = _private_copy(run, model)
    try:
        with zipfile.ZipFile(checked) as archive:
            stored, may_run_code = json.loads(archive.read(METADATA)), foreign_code(archive)
        if damaged := unusable_fields(Preprocess, stored["preprocess"]):
            raise ValueError(f"{METADATA}: preprocess.{damaged[0]}")
        preprocess = Preprocess(**stored["preprocess"])
        calibrator = Calibrator.from_dict(stored.get("calibration", {"method": "none"}))
    except Exception as error:  # a damaged archive fails in one of many ways
        raise UserError(
            f"{run}: its {run_files.MODEL} does not say, in a way that this version knows, how images are prepared for "
            f"it ({METADATA} within the file)"
        ) from error
    if may_run_code:
        raise UserError(
            f"{run}: its {model.name} holds {may_run_code}, which can run code of the file's author. Only plain "
            "layers of Keras are loaded"
        )
    value = stored.get("threshold")
    summary = summary or RunSummary()
    return TrainedRun(
        named=run,
        name=summary.name or (model.parent.name if model.name == run_files.MODEL else model.stem),
        model_file=checked,
        summary=summary,
        preprocess=preprocess,
        threshold=float(value) if isinstance(value, (int, float)) else math.nan,
        calibrator=calibrator,
        run_id=run_id,
        tracking=tracking,
        key=key,
    )


def _private_copy(run: str, model: Path) -> Path:
    """Copies a model's file to where no other user can exchange it between its check and its use.

    Raises:
        UserError: if there is no room.
    """
    copy = temporary_directory() / run_files.MODEL
    try:
        shutil.copyfile(model, copy)
    except OSError as error:
        raise UserError(
            f"{run}: {model.name} cannot be copied to {copy.parent.parent}: {error.strerror or error}. Free some "
            "space, or name another directory by the environment variable TMPDIR"
        ) from error
    return copy
