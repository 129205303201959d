"""A tracked run: each record is in the outbox when a call returns, and an uploader process delivers it meanwhile."""

import getpass
import logging
import math
import shutil
import traceback
import uuid
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import Timeout

from skinexp.config.schema import Tracking
from skinexp.core import run_files
from skinexp.core.credentials import keep_password
from skinexp.core.errors import UserError
from skinexp.tracking.environment import overridden
from skinexp.tracking.flat import flatten
from skinexp.tracking.outbox import STATUSES, Outbox, now
from skinexp.tracking.undelivered import sync_command, undelivered
from skinexp.tracking.uploader_process import UploaderProcess

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

log = logging.getLogger(__name__)

FOLDERS = (run_files.FIGURES, run_files.EVIDENCE, run_files.HYDRA)  # of the run directory, those that are logged
KEPT_LOCAL = (".log", ".keras", ".part", ".lock")  # the log is not finished; the model is logged as a model
REQUIREMENTS = ("keras", "tensorflow", "numpy")  # of a served model; given, because inferring them takes seconds


class TrackedRun:
    """A run that is being tracked; `start` opens one."""

    def __init__(self, options: Tracking, outbox: Outbox, key: str, fresh: bool):
        self.key = key
        self._fresh, self._discarded = fresh, False
        self._options, self._outbox, self._directory = options, outbox, outbox.place
        self._points, self._params, self._scores = _written(outbox)
        self._uploader = UploaderProcess(outbox.place, options)

    @property
    def id(self) -> str | None:
        """Id of the MLflow run; None until the store has replied."""
        return self._uploader.run_id

    @property
    def experiment_id(self) -> str | None:
        """Id of the MLflow experiment; None until the store has replied."""
        return self._uploader.experiment_id

    def confirm(self) -> None:
        """Waits until the store has the run, if `tracking.required` is set.

        Raises:
            UserError: if the store cannot be used.
        """
        if self._options.required and (reason := self._uploader.refusal()):
            if self._fresh:
                self.discard()
            else:
                self._uploader.kill()
            raise UserError(f"{reason}, or train now and deliver the records later: tracking.required=false")

    def await_answer(self) -> None:
        """Waits until the store has the run or has refused it; without a store, the run continues as well."""
        self._uploader.refusal()

    def metrics(self, values: Mapping[str, float | None], step: int | None = None) -> None:
        """Logs numbers, without NaN and without values that an earlier attempt of the run has logged."""
        numbers = {
            name: float(value)
            for name, value in values.items()
            if isinstance(value, (int, float)) and math.isfinite(value) and (name, step) not in self._points
        }
        if numbers:
            said = now()
            self._append("metrics", values=numbers, step=step, time=said)
            self._points |= {(name, step) for name in numbers}
            if step is None:
                self._scores = {"values": numbers, "time": said}

    def epoch(self, values: Mapping[str, Any]) -> None:
        """Logs one epoch's record: `train/` and `val/` metrics and the learning rate, in one call."""
        numbers = {name: value for name, value in values.items() if "/" in name}
        self.metrics(numbers | {"train/lr": values["lr"], "train/seconds": values["seconds"]}, step=values["epoch"])

    def params(self, nested: Mapping[str, Any]) -> None:
        """Logs a nested configuration; a param keeps its first value."""
        flat = {name: str(value) for name, value in flatten(nested).items() if name not in self._params}
        if flat:
            self._append("params", values=flat)
            self._params |= set(flat)

    def tags(self, values: Mapping[str, Any]) -> None:
        self._append("tags", values={name: str(value) for name, value in values.items() if value is not None})

    def file(self, path: Path) -> None:
        """Logs a file of the run's directory; its content is that at the time of delivery."""
        self._append("file", path=str(path.relative_to(self._directory)))

    def run_directory(self) -> None:
        """Logs the files of the run's directory that are of use after the run."""
        for path in sorted(self._directory.iterdir()):
            if path.is_dir() and path.name in FOLDERS:
                self._append("folder", path=path.name)
            elif path.is_file() and path.suffix not in KEPT_LOCAL:
                self.file(path)

    def dataset(self, frame: "pd.DataFrame", source: str | None, name: str, digest: str, context: str) -> None:
        """Logs the images of one part of the split as a data set.

        Args:
            frame: one row per image.
            source: directory or name that the images came from; None if they were generated.
            context: train, val or test.
        """
        shape = {"columns": list(frame.columns), "rows": len(frame)}
        self._append("dataset", name=name, digest=digest, source=source, context=context, **shape)

    def model(self, network: Any, example: "np.ndarray", answer: "np.ndarray") -> None:
        """Logs a Keras model with its signature, and with the scores that were logged before.

        Args:
            example: (1, size, size, 3) pixels.
            answer: (1, 1) the logit that the network predicts for them.
        """
        import mlflow.keras  # seconds; all else that knows MLflow is the uploader's
        import mlflow.models

        from skinexp.tracking import mlflow_store

        mlflow_store.settle()
        place = self._outbox.directory / "model"
        shutil.rmtree(place, ignore_errors=True)  # of an earlier attempt that was killed here
        place.mkdir()  # MLflow 3.17 writes the example before it makes the directory
        mlflow.keras.save_model(
            network,
            str(place),
            signature=mlflow.models.infer_signature(example, answer),
            input_example=example,
            pip_requirements=[f"{name}=={version(name)}" for name in REQUIREMENTS],
        )
        if (whole := self._directory / run_files.MODEL).is_file():  # the same network, and what else its use needs
            shutil.copyfile(whole, place / "data" / run_files.MODEL)
        self._append("model", path=str(place.relative_to(self._directory)), scores=self._scores)

    def close(self, status: str, error: BaseException | None, *files: Path) -> None:
        """Records how the run ended, and waits up to `tracking.wait` seconds for the delivery of all records.

        Args:
            status: finished, failed or killed.
            error: the error that ended the run; the traceback of a failure is logged.
            files: that are logged last.
        """
        if self._discarded:
            return
        if status == "failed" and error is not None and not isinstance(error, UserError):
            trace = self._directory / run_files.TRACEBACK
            trace.write_text("".join(traceback.format_exception(error)))
            self.file(trace)
        for file in files:
            self.file(file)
        self._append("status", status=STATUSES[status], time=now())
        self._end()

    def discard(self) -> None:
        """Deletes the run from the store and its outbox."""
        self._discarded = True
        if self.id is not None:
            self._append("status", status="KILLED", time=now())
            self._append("delete")
            self._end()
        else:
            self._uploader.kill()
        self._outbox.writer.release()
        shutil.rmtree(self._outbox.directory, ignore_errors=True)

    def _end(self) -> None:
        self._uploader.end()
        self._outbox.writer.release()
        if self._outbox.left:
            log.warning("Tracking  %s", undelivered(self._outbox, self._options.uri))

    def _append(self, kind: str, **content: Any) -> None:
        self._outbox.append(kind, **content)
        self._uploader.wake()


def start(
    options: Tracking,
    directory: Path,
    name: str,
    tags: Mapping[str, Any],
    parent: str | None = None,
    resume: bool = False,
) -> TrackedRun:
    """Opens a run in a directory, or reopens it if it is resumed, and starts its uploader.

    Args:
        options: of the tracking.
        directory: of the run.
        name: of the run.
        tags: of the run; a tag that is None is left out.
        parent: key of the sweep's run.
        resume: whether to continue the run in the directory, if there is one.

    Raises:
        UserError: if another process is working on the run, or an undelivered run would be lost.
    """
    options = replace(options, uri=keep_password(options.uri))  # it is written from here on
    if line := overridden(options):
        log.info("Tracking  %s", line)
    outbox = _own_outbox(directory, resume)
    fresh = not outbox
    if not fresh:
        key = outbox.opening["key"]
        outbox.append("resumed", time=now())
    else:
        key = uuid.uuid4().hex
        known = {name: str(value) for name, value in tags.items() if value is not None}
        outbox.append(
            "run",
            key=key,
            uri=options.uri,
            cwd=str(Path.cwd()),
            experiment=options.experiment,
            name=name,
            parent=parent,
            tags=_origin() | known,
            time=now(),
        )
    return TrackedRun(options, outbox, key, fresh)


def _own_outbox(directory: Path, resume: bool) -> Outbox:
    """Returns the outbox of a directory, which no other process writes to from now on.

    Raises:
        UserError: see `start`.
    """
    outbox = Outbox(directory)
    outbox.create()
    try:
        outbox.writer.acquire(blocking=False)
    except Timeout as error:
        raise UserError(f"{directory}: another process is working on this run. Wait for it, or end it") from error
    if outbox and not resume:
        if outbox.left:
            outbox.writer.release()
            raise UserError(
                f"{directory}: holds a run that was not delivered. Deliver it ({sync_command(outbox)}), go "
                f"on with it (resume={directory}), or use another directory"
            )
        outbox.clear()
    return outbox


def _origin() -> dict[str, str]:
    """Returns MLflow's own tags about the user and the program that started a run."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container whose user has no name
        user = "unknown"
    return {"mlflow.user": user, "mlflow.source.name": "skinexp.train", "mlflow.source.type": "LOCAL"}


def _written(outbox: Outbox) -> tuple[set[tuple[str, int | None]], set[str], dict[str, Any]]:
    """Returns what earlier attempts of a run logged: points (metric, step), params, and scores, which have no step."""
    points: set[tuple[str, int | None]] = set()
    params: set[str] = set()
    scores: dict[str, Any] = {}
    for record, _ in outbox.read():
        if record["kind"] == "metrics":
            points |= {(name, record["step"]) for name in record["values"]}
            if record["step"] is None:
                scores = {"values": record["values"], "time": record["time"]}
        if record["kind"] == "params":
            params |= set(record["values"])
    return points, params, scores
