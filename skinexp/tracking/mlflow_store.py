"""The MLflow store: connections, and finished runs from it."""

import contextlib
import logging
import os
import shlex
import shutil
import sqlite3
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import mlflow
from filelock import FileLock
from mlflow.entities import Experiment, Run
from mlflow.exceptions import MlflowException

from skinexp.config.schema import Tracking
from skinexp.core import run_files
from skinexp.core.credentials import with_password, without_user
from skinexp.core.errors import UserError
from skinexp.core.python_command import python_command
from skinexp.core.temporary import temporary_directory
from skinexp.tracking.store_address import shown_uri, sqlite_file, unusable
from skinexp.tracking.store_errors import ABSENT, INVALID, Unavailable, as_command_line, explain

PARENT_TAG = "mlflow.parentRunId"
KEY_TAG = "skinexp.key"  # names a run before the store has given it an id
EVALUATES_TAG = "evaluates"  # of the run of an evaluation: the id of the run whose model was evaluated
DELETED = "deleted"  # MLflow's word for runs and experiments that can be restored
LOCKED = 20  # seconds after which a lock of the database is no longer that of a write


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


def open_store(uri: str) -> None:
    """Points MLflow at the store.

    Raises:
        Unavailable: if there cannot be a store at this address.
    """
    settle()
    if why := unusable(uri):
        raise Unavailable(why)
    file = sqlite_file(uri)
    if file is not None:  # MLflow would try for two minutes
        if not os.access(file.resolve().parent, os.W_OK):
            raise Unavailable(f"tracking.uri: no such directory, or not writable: {file.resolve().parent}")
        if file.exists() and not (file.is_file() and os.access(file, os.W_OK)):
            raise Unavailable(f"tracking.uri: not a file, or not writable: {file.resolve()}")
        _refuse_locked(file)
    address = with_password(uri)
    mlflow.set_tracking_uri(address)
    mlflow.set_registry_uri(address)  # MLFLOW_REGISTRY_URI may name a store that is not there


def _refuse_locked(file: Path) -> None:
    """Refuses a database in which another program is writing for a long time: MLflow would try for three minutes.

    Raises:
        Unavailable: if it is locked.
    """
    if not file.exists():
        return
    try:
        with contextlib.closing(sqlite3.connect(file, timeout=LOCKED, isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise Unavailable(
                f"tracking.uri: another program has locked {file.resolve()} for {LOCKED} seconds. End it, or use "
                "another file: tracking.uri=sqlite:///NAME.db"
            ) from error
    except sqlite3.DatabaseError:
        return  # MLflow reports what it is instead


def client(uri: str) -> mlflow.MlflowClient:
    """Returns MLflow's client of a store that was opened."""
    address = with_password(uri)
    return mlflow.MlflowClient(tracking_uri=address, registry_uri=address)


def connect(uri: str, experiment: str) -> str:
    """Points MLflow at the store, creates the experiment if it is absent, and returns its id.

    Raises:
        MlflowException: if the store does not reply.
        Unavailable: if there cannot be a store at this address, or the experiment was deleted.
    """
    open_store(uri)
    try:
        return str(mlflow.set_experiment(experiment).experiment_id)
    except MlflowException as error:
        if error.error_code == INVALID:
            refuse_deleted_experiment(uri, mlflow.get_experiment_by_name(experiment))
        raise


def refuse_deleted_experiment(uri: str, experiment: Experiment | None) -> None:
    """Refuses an experiment that was deleted, with the command that restores it.

    Raises:
        Unavailable: if it was.
    """
    if experiment is not None and experiment.lifecycle_stage == DELETED:
        command = _mlflow_command(uri, f"experiments restore --experiment-id {experiment.experiment_id}")
        raise Unavailable(
            f"tracking.experiment: {experiment.name} was deleted in {shown_uri(uri)}. Restore it ({command}), or track "
            "into another one: tracking.experiment=NAME"
        )


def refuse_deleted_run(uri: str, run: Run) -> None:
    """Refuses a run that was deleted, alone or with its experiment, with the command that restores it.

    Raises:
        Unavailable: if it was.
    """
    if run.info.lifecycle_stage != DELETED:
        return
    refuse_deleted_experiment(uri, client(uri).get_experiment(run.info.experiment_id))
    command = _mlflow_command(uri, f"runs restore --run-id {run.info.run_id}")
    raise Unavailable(f"the run {run.info.run_id} was deleted in {shown_uri(uri)}. Restore it ({command})")


def _mlflow_command(uri: str, arguments: str) -> str:
    file = sqlite_file(uri)
    place = shown_uri(without_user(uri)) if file is None else f"sqlite:///{file.resolve()}"
    return f"MLFLOW_TRACKING_URI={shlex.quote(place)} {python_command()} -m mlflow {arguments}"


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
    file = sqlite_file(uri)
    if file is None or not file.resolve().parent.is_dir():
        return contextlib.nullcontext()
    return FileLock(f"{file}.lock")


def find(options: Tracking, run_id: str) -> StoredRun:
    """Finds a run by its id.

    Raises:
        UserError: if there is no such run.
    """
    store = shown_uri(options.uri)
    _refuse_absent(options.uri, f"{run_id}: neither a directory nor a run in {store}, which does not exist")
    _open(options)
    try:
        info = mlflow.get_run(run_id).info
    except MlflowException as error:
        if error.error_code not in (ABSENT, INVALID):
            raise UserError(as_command_line(explain(options.uri, error))) from error
        raise UserError(f"{run_id}: neither a directory nor a run in {store}") from error
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
    store = shown_uri(options.uri)
    _refuse_absent(options.uri, f"--where: the store {store} does not exist. Name a store: --uri")
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
            raise UserError(as_command_line(explain(options.uri, error))) from error
        raise UserError(
            f"--where: MLflow cannot read this filter: {_one_line(error.message)}. Received: {where}"
        ) from error
    ours = [run.info.run_id for run in found if {KEY_TAG, "model"} <= set(run.data.tags)]
    if not ours:
        runs = "1 run" if len(found) == 1 else f"{len(found)} runs"
        others = f"{runs}, but none that trained a network with skinexp," if found else "no runs"
        raise UserError(f"--where: finds {others} in {store}. Received: {where}")
    return ours


def model(options: Tracking, run_id: str) -> StoredModel:
    """Downloads a run's model and what its evaluation requires.

    Raises:
        UserError: if there is no such run, or it has no model.
    """
    find(options, run_id)
    try:
        run = mlflow.get_run(run_id)
        directory = temporary_directory()
        outputs = run.outputs.model_outputs if run.outputs else []
        if not outputs or KEY_TAG not in run.data.tags:
            why = (
                "it did not finish, or had tracking.model=false"
                if KEY_TAG in run.data.tags
                else "skinexp did not make it"
            )
            raise UserError(
                f"{run_id}: this run has no model in {shown_uri(options.uri)}: {why}. Name a run's directory instead"
            )
        mlflow.artifacts.download_artifacts(artifact_uri=f"runs:/{run_id}/result.json", dst_path=str(directory))
        logged = mlflow.artifacts.download_artifacts(
            artifact_uri=f"models:/{outputs[-1].model_id}", dst_path=str(directory / "model")
        )
        shutil.copyfile(Path(logged) / "data" / run_files.MODEL, directory / run_files.MODEL)
        experiment = mlflow.get_experiment(run.info.experiment_id).name
    except (MlflowException, OSError) as error:
        raise UserError(as_command_line(explain(options.uri, error))) from error
    return StoredModel(directory, run.data.tags[KEY_TAG], experiment)


def _one_line(message: str) -> str:
    return " ".join(message.split()).rstrip(".")


def download(options: Tracking, run_id: str) -> Path:
    """Copies a run's files into a directory that is removed when this process ends."""
    _open(options)
    try:
        return Path(mlflow.artifacts.download_artifacts(run_id=run_id, dst_path=str(temporary_directory())))
    except (MlflowException, OSError) as error:
        raise UserError(as_command_line(explain(options.uri, error))) from error


def _refuse_absent(uri: str, message: str) -> None:
    file = sqlite_file(uri)
    if file is not None and not file.is_file():  # MLflow would create it
        raise UserError(message)


def _open(options: Tracking) -> None:
    try:
        open_store(options.uri)
        mlflow.search_experiments(max_results=1)  # a store that cannot be used is refused here, whatever is read next
    except Exception as error:  # of MLflow, of the database, of a library for HTTP
        raise UserError(as_command_line(explain(options.uri, error))) from error
