"""The MLflow store: connecting to it, a sweep's parent run in it, and finished runs out of it."""

import logging
import math
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
from mlflow.exceptions import MlflowException

from skinexp.config import Tracking
from skinexp.errors import UserError

PARENT_TAG = "mlflow.parentRunId"
SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # a server that is gone must not hold a run up for minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # the summary says where to look
    "GIT_PYTHON_REFRESH": "quiet",
}


@dataclass(frozen=True)
class StoredRun:
    """A run in the store: its name and the ids of its children, in the order in which they began."""

    id: str
    name: str
    children: tuple[str, ...]


def connect(options: Tracking) -> None:
    """Points MLflow at the store, and creates the experiment where it is new.

    Raises:
        UserError: where the store does not answer.
    """
    for variable, value in SETTINGS.items():
        os.environ.setdefault(variable, value)
    for name in ("mlflow", "alembic"):  # their warnings go where ours go, to train.log, and not to the terminal
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.WARNING)
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # each retry would be a line
    file = _sqlite_file(options.uri)
    if file is not None and not os.access(file.resolve().parent, os.W_OK):  # MLflow would try for two minutes
        raise UserError(f"tracking.uri: no such directory, or not writable: {file.resolve().parent}")
    try:
        mlflow.set_tracking_uri(options.uri)
        mlflow.set_experiment(options.experiment)
    except MlflowException as error:
        raise UserError(
            f"tracking.uri: {options.uri} cannot be used ({_innermost(error)}). Start a server there, "
            f"or track into a local file: tracking=local"
        ) from error


def _sqlite_file(uri: str) -> Path | None:
    file = uri.removeprefix("sqlite:///")
    return Path(file) if file != uri else None


def _innermost(error: BaseException) -> str:
    """What went wrong first: the errors around it repeat it at length."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return (str(error).splitlines() or [type(error).__name__])[0]


def open_parent(options: Tracking, name: str, tags: dict[str, Any]) -> str:
    """Creates the run that a sweep's runs are children of, and returns its id."""
    connect(options)
    experiment = mlflow.get_experiment_by_name(options.experiment)
    text = {key: str(value) for key, value in tags.items() if value is not None}
    return mlflow.MlflowClient().create_run(experiment.experiment_id, run_name=name, tags=text).info.run_id


def close_parent(options: Tracking, run_id: str, status: str, metrics: dict[str, float], files: list[Path]) -> None:
    """Gives a sweep's run what the sweep found, and its final status (FINISHED, FAILED or KILLED)."""
    connect(options)
    client = mlflow.MlflowClient()
    for name, value in metrics.items():
        if math.isfinite(value):
            client.log_metric(run_id, name, value)
    for file in files:
        client.log_artifact(run_id, str(file))
    client.set_terminated(run_id, status)


def discard_parent(options: Tracking, run_id: str) -> None:
    """Takes back the run of a sweep in which no job began."""
    connect(options)
    mlflow.MlflowClient().delete_run(run_id)


def find(options: Tracking, run_id: str) -> StoredRun:
    """Looks a run up.

    Raises:
        UserError: where there is no such run.
    """
    file = _sqlite_file(options.uri)
    if file is not None and not file.is_file():  # MLflow would create it
        raise UserError(f"{run_id}: neither a directory nor a run in {options.uri}, which is not there")
    connect(options)
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
    return StoredRun(run_id, info.run_name, tuple(child.info.run_id for child in children))


def download(options: Tracking, run_id: str) -> Path:
    """Copies a run's files into a temporary directory."""
    connect(options)
    directory = tempfile.mkdtemp(prefix="skinexp-")
    return Path(mlflow.artifacts.download_artifacts(run_id=run_id, dst_path=directory))
