"""The MLflow store: connections, the meaning of its errors, and finished runs from it."""

import contextlib
import logging
import os
import shutil
import tempfile
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import mlflow
import requests
from filelock import FileLock
from mlflow.exceptions import MlflowException

from skinexp.config.schema import Tracking
from skinexp.core import run_files
from skinexp.core.errors import UserError

PARENT_TAG = "mlflow.parentRunId"
KEY_TAG = "skinexp.key"  # names a run before the store has given it an id
EVALUATES_TAG = "evaluates"  # of the run of an evaluation: the id of the run whose model was evaluated
INVALID = "INVALID_PARAMETER_VALUE"  # MLflow's word for what cannot be read
NOT_NOW = (401, 403, 408, 409, 429)  # HTTP: credentials that can be mended, time-outs, conflicts, too many requests
UNWELCOME = (401, 403)


@dataclass(frozen=True)
class StoredRun:
    """A run in the store: its name and the ids of its children, in the order in which they began."""

    id: str
    name: str
    children: tuple[str, ...]


@dataclass(frozen=True)
class StoredModel:
    """A run's model, downloaded from the store.

    Attributes:
        directory: with model.keras and result.json.
        key: of the run.
        experiment: name of the run's experiment.
    """

    directory: Path
    key: str
    experiment: str


def connect(uri: str, experiment: str) -> str:
    """Points MLflow at the store, creates the experiment if it is absent, and returns its id.

    Raises:
        MlflowException: if the store does not reply.
        OSError: if the directory of a local store is absent.
    """
    settle()
    file = _sqlite_file(uri)
    if file is not None and not os.access(file.resolve().parent, os.W_OK):  # MLflow would try for two minutes
        raise NotADirectoryError(f"no such directory, or not writable: {file.resolve().parent}")
    mlflow.set_tracking_uri(uri)
    return str(mlflow.set_experiment(experiment).experiment_id)


def settle() -> None:
    """Sends MLflow's output to log files only."""
    for name in ("mlflow", "alembic"):  # their warnings go where ours go, to a log, and not to the terminal
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.WARNING)
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # each retry would be a line


def one_writer(uri: str) -> AbstractContextManager[object]:
    """Holds the lock of a local store: SQLite has one writer at a time, whose waiting would time out."""
    file = _sqlite_file(uri)
    if file is None or not file.resolve().parent.is_dir():
        return contextlib.nullcontext()
    return FileLock(f"{file}.lock")


def is_final(error: Exception) -> bool:
    """Returns whether a repeated request would fail in the same way: the store refuses it, or its file is gone."""
    status = _status(error)
    if status is not None:
        return 400 <= status < 500 and status not in NOT_NOW
    return isinstance(error, FileNotFoundError)  # a file that is gone will not come back


def _status(error: BaseException) -> int | None:
    """Returns the HTTP status of the store's reply; for files, MLflow raises errors of its HTTP library."""
    if isinstance(error, MlflowException):
        return error.get_http_status_code()
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return error.response.status_code
    return None


def explain(uri: str, error: BaseException) -> str:
    """Returns a sentence: what is wrong with the store, and what to do."""
    if _status(error) in UNWELCOME:
        return (
            f"tracking.uri: {uri} does not accept these credentials. Set MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD (or MLFLOW_TRACKING_TOKEN), or track into a local file: tracking=local"
        )
    if isinstance(error, NotADirectoryError):
        return f"tracking.uri: {error}"
    return (
        f"tracking.uri: {uri} cannot be used ({_innermost(error)}). Start a server there, "
        f"or track into a local file: tracking=local"
    )


def _sqlite_file(uri: str) -> Path | None:
    file = uri.removeprefix("sqlite:///")
    return Path(file) if file != uri else None


def _innermost(error: BaseException) -> str:
    """Returns the message of the first error in the chain; the errors around it repeat it at length."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return (str(error).splitlines() or [type(error).__name__])[0]


def find(options: Tracking, run_id: str) -> StoredRun:
    """Finds a run by its id.

    Raises:
        UserError: if there is no such run.
    """
    _refuse_absent(options.uri, f"{run_id}: neither a directory nor a run in {options.uri}, which does not exist")
    _open(options)
    try:
        info = mlflow.get_run(run_id).info
    except MlflowException as error:
        raise UserError(f"{run_id}: neither a directory nor a run in {options.uri}") from error
    children = mlflow.search_runs(
        [info.experiment_id],
        f"tags.`{PARENT_TAG}` = '{run_id}'",
        order_by=["attributes.start_time ASC"],
        output_format="list",
    )
    jobs = (child.info.run_id for child in children if EVALUATES_TAG not in child.data.tags)
    return StoredRun(run_id, info.run_name, tuple(jobs))


def search(options: Tracking, where: str) -> list[str]:
    """Returns the ids of skinexp's runs that a filter finds in all experiments, the oldest first, without parent runs.

    Args:
        options: of the tracking, with the store.
        where: a filter in the language of MLflow's `search_runs`.

    Raises:
        UserError: if the filter is not valid, or finds nothing.
    """
    _refuse_absent(options.uri, f"--where: the store {options.uri} does not exist. Name a store: --uri")
    _open(options)
    try:
        found = mlflow.search_runs(
            filter_string=where,
            search_all_experiments=True,
            order_by=["attributes.start_time ASC"],
            output_format="list",
        )
    except MlflowException as error:
        if error.error_code != INVALID:
            raise UserError(explain(options.uri, error)) from error
        raise UserError(
            f"--where: MLflow cannot read this filter: {_one_line(error.message)}. Received: {where}"
        ) from error
    ours = [run.info.run_id for run in found if {KEY_TAG, "model"} <= set(run.data.tags)]
    if not ours:
        runs = "1 run" if len(found) == 1 else f"{len(found)} runs"
        others = f"{runs}, but none that trained a network with skinexp," if found else "no runs"
        raise UserError(f"--where: finds {others} in {options.uri}. Received: {where}")
    return ours


def model(options: Tracking, run_id: str) -> StoredModel:
    """Downloads a run's model and what its evaluation requires.

    Raises:
        UserError: if there is no such run, or it has no model.
    """
    find(options, run_id)
    try:
        run = mlflow.get_run(run_id)
        directory = Path(tempfile.mkdtemp(prefix="skinexp-"))
        outputs = run.outputs.model_outputs if run.outputs else []
        if not outputs or KEY_TAG not in run.data.tags:
            why = (
                "it did not finish, or had tracking.model=false"
                if KEY_TAG in run.data.tags
                else "skinexp did not make it"
            )
            raise UserError(f"{run_id}: this run has no model in {options.uri}: {why}. Name a run's directory instead")
        mlflow.artifacts.download_artifacts(artifact_uri=f"runs:/{run_id}/result.json", dst_path=str(directory))
        logged = mlflow.artifacts.download_artifacts(artifact_uri=f"models:/{outputs[-1].model_id}")
        shutil.copyfile(Path(logged) / "data" / run_files.MODEL, directory / run_files.MODEL)
        experiment = mlflow.get_experiment(run.info.experiment_id).name
    except (MlflowException, OSError) as error:
        raise UserError(explain(options.uri, error)) from error
    return StoredModel(directory, run.data.tags[KEY_TAG], experiment)


def _one_line(message: str) -> str:
    return " ".join(message.split()).rstrip(".")


def download(options: Tracking, run_id: str) -> Path:
    """Copies a run's files into a temporary directory."""
    _open(options)
    directory = tempfile.mkdtemp(prefix="skinexp-")
    return Path(mlflow.artifacts.download_artifacts(run_id=run_id, dst_path=directory))


def _refuse_absent(uri: str, message: str) -> None:
    file = _sqlite_file(uri)
    if file is not None and not file.is_file():  # MLflow would create it
        raise UserError(message)


def _open(options: Tracking) -> None:
    try:
        connect(options.uri, options.experiment)
    except (MlflowException, OSError) as error:
        raise UserError(explain(options.uri, error)) from error
