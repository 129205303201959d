"""A finished run whose model can be used: found by its directory or its MLflow id, and read without Keras."""

import json
import math
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skinexp.config.schema import Preprocess, Tracking
from skinexp.core.errors import UserError
from skinexp.runs.result import FILE, load
from skinexp.tracking.outbox import Outbox

if TYPE_CHECKING:
    from skinexp.evaluation.decision.calibration import Calibrator

MODEL = "model.keras"
METADATA = "skinexp.json"  # as models.archive calls it, which brings Keras


@dataclass(frozen=True)
class Finished:
    """A run that has a model.

    Attributes:
        named: as the command names it.
        name: the run's own.
        directory: with model.keras, and result.json where it is known.
        result: what the run said of itself.
        preprocess: how images are prepared for its network.
        threshold: of the calibrated probability, chosen on its validation images; NaN where there was none.
        calibrator: fitted there; none in files of earlier versions, whose threshold is of the probability itself.
        run_id: in MLflow; None where it was not tracked, or is not delivered yet.
        tracking: where runs below it are tracked; None where it was not tracked itself.
        key: that names it there.
    """

    named: str
    name: str
    directory: Path
    result: dict[str, Any]
    preprocess: Preprocess
    threshold: float
    calibrator: "Calibrator"
    run_id: str | None
    tracking: Tracking | None
    key: str | None

    @property
    def model(self) -> str:
        """Name of its network."""
        return str(self.result.get("model", {}).get("name") or self.name)


def find(run: str, uri: str | None) -> Finished:
    """Looks a run up, by its directory or its MLflow id, and reads what its model's file says.

    Args:
        uri: the store; None: the run's own, or the usual one for an id.

    Raises:
        UserError: where there is no such run, or it has no model that can be used.
    """
    if Path(run).is_dir():
        return _in_directory(run, uri)
    from skinexp.tracking import mlflow_store  # seconds: it brings MLflow

    options = Tracking(uri=uri or Tracking.uri, required=False, system_metrics=False)
    stored = mlflow_store.model(options, run)
    options = replace(options, experiment=stored.experiment)
    return _read(run, stored.directory, run_id=run, tracking=options, key=stored.key)


def _in_directory(run: str, uri: str | None) -> Finished:
    directory = Path(run)
    if not (directory / FILE).is_file():
        jobs = sorted(file.parent.name for file in directory.glob(f"*/{FILE}"))
        hint = f". It is a sweep: name one of its runs, {directory / jobs[0]}" if jobs else ""
        raise UserError(f"{run}: holds no run ({FILE} is not there){hint}")
    result = load(directory)
    if not (directory / MODEL).is_file():
        raise UserError(f"{run}: holds no {MODEL}; the run is {result.get('status')}. Name one that has finished")
    outbox = Outbox(directory)
    if not outbox:
        return _read(run, directory, run_id=None, tracking=None, key=None)
    opening = outbox.opening
    known = result.get("config", {}).get("tracking", {})
    where = {"uri": uri or _absolute(opening["uri"], directory), "experiment": opening["experiment"]}
    options = Tracking(**{**known, **where, "required": False, "system_metrics": False})
    return _read(run, directory, run_id=outbox.delivered().run_id, tracking=options, key=opening["key"])


def _read(run: str, directory: Path, run_id: str | None, tracking: Tracking | None, key: str | None) -> Finished:
    """Reads the model's file without Keras, so that a mistake is told at once."""
    from skinexp.evaluation.decision.calibration import Calibrator  # later than --help: it brings scikit-learn

    try:
        with zipfile.ZipFile(directory / MODEL) as archive:
            stored = json.loads(archive.read(METADATA))
        preprocess = Preprocess(**stored["preprocess"])
        calibrator = Calibrator.from_dict(stored.get("calibration", {"method": "none"}))
    except (KeyError, TypeError, zipfile.BadZipFile, ValueError) as error:
        raise UserError(
            f"{run}: its {MODEL} does not say, in a way that this version knows, how images are prepared for it "
            f"({METADATA} within the file)"
        ) from error
    value = stored.get("threshold")
    result = load(directory)
    return Finished(
        named=run,
        name=result.get("name") or directory.name,
        directory=directory,
        result=result,
        preprocess=preprocess,
        threshold=float(value) if isinstance(value, (int, float)) else math.nan,
        calibrator=calibrator,
        run_id=run_id,
        tracking=tracking,
        key=key,
    )


def _absolute(uri: str, directory: Path) -> str:
    """A store's address that means the same wherever this command is typed; a file's may start where the run did."""
    file = uri.removeprefix("sqlite:///")
    settings = directory / ".hydra" / "hydra.yaml"
    if file == uri or Path(file).is_absolute() or Path(file).is_file() or not settings.is_file():
        return uri
    import yaml

    place = Path(yaml.safe_load(settings.read_text())["hydra"]["runtime"]["cwd"])
    return f"sqlite:///{place / file}" if (place / file).is_file() else uri
