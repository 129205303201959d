"""Delivery of an outbox to MLflow: each record in order, so that a repeated delivery changes nothing."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import mlflow.data
import pandas as pd
from mlflow.entities import DatasetInput, InputTag, LoggedModelOutput, Metric, Param, RunTag
from mlflow.models import Model
from mlflow.models.model import MLMODEL_FILE_NAME

from skinexp.tracking import mlflow_store
from skinexp.tracking.mlflow_store import KEY_TAG
from skinexp.tracking.outbox import Outbox, Record

log = logging.getLogger(__name__)

METRICS_A_CALL, PARAMS_A_CALL = 1_000, 100  # MLflow refuses more in one batch
MANY_RECORDS = 200  # metrics of so many records go into one call at the most


class Unavailable(Exception):
    """The store cannot be used now; undelivered records stay in the outbox. The message is a sentence for the user."""


class Delivery:
    """Delivers one outbox to one store."""

    def __init__(self, outbox: Outbox, uri: str):
        self._outbox, self._uri, self._state = outbox, uri, outbox.delivered()
        self._client: mlflow.MlflowClient | None = None
        self._deliver: dict[str, Callable[[Record], None]] = {
            "run": self._run,
            "resumed": self._resumed,
            "params": self._params,
            "tags": self._tags,
            "dataset": self._dataset,
            "file": self._file,
            "folder": self._folder,
            "model": self._model,
            "status": self._status,
            "delete": self._delete,
        }

    @property
    def run_id(self) -> str | None:
        """Id of the MLflow run."""
        return self._state.run_id

    @property
    def experiment_id(self) -> str | None:
        """Id of the experiment."""
        return self._state.experiment_id

    def deliver(self) -> int:
        """Delivers what there is by now.

        Returns:
            How many records that were.

        Raises:
            Unavailable: if the store does not take them now.
        """
        count = 0
        for records, offset in _together(self._outbox.read(self._state.offset)):
            try:
                with mlflow_store.one_writer(self._uri):
                    self._connect()
                    self._hand_over(records)
            except Unavailable:
                raise
            except Exception as error:  # of MLflow, of the database, of an object store's client
                if not mlflow_store.is_final(error):
                    raise Unavailable(mlflow_store.explain(self._uri, error)) from error
                log.error("cannot be delivered: %s", records, exc_info=True)
                self._state.rejected += len(records)
            self._state.offset = offset
            self._outbox.note(self._state)
            count += len(records)
        return count

    def _connect(self) -> None:
        if self._client is None:
            self._state.experiment_id = mlflow_store.connect(self._uri, self._outbox.opening["experiment"])
            self._client = mlflow.MlflowClient()

    @property
    def _store(self) -> mlflow.MlflowClient:
        if self._client is None:
            raise RuntimeError("not connected")
        return self._client

    def _hand_over(self, records: list[Record]) -> None:
        if records[0]["kind"] == "metrics":
            self._metrics(records)
        else:
            self._deliver[records[0]["kind"]](records[0])

    def _run(self, record: Record) -> None:
        found = self._find(record["key"]) if self._state.attempted else None
        if found is None:
            tags = {**record["tags"], KEY_TAG: record["key"]}
            if record["parent"] is not None:
                parent = self._find(record["parent"])
                if parent is None:
                    raise Unavailable("its parent run is not in the store yet")
                tags[mlflow_store.PARENT_TAG] = parent
            self._state.attempted = True
            self._outbox.note(self._state)
            created = self._store.create_run(
                self._state.experiment_id, start_time=record["time"], tags=tags, run_name=record["name"]
            )
            found = created.info.run_id
        self._state.run_id = found

    def _find(self, key: str) -> str | None:
        """The id of the run that has this key."""
        runs = self._store.search_runs([self._state.experiment_id], f"tags.`{KEY_TAG}` = '{key}'", max_results=1)
        return runs[0].info.run_id if runs else None

    def _resumed(self, record: Record) -> None:
        self._store.update_run(self.run_id, status="RUNNING")

    def _status(self, record: Record) -> None:
        self._store.set_terminated(self.run_id, record["status"], record["time"])

    def _delete(self, record: Record) -> None:
        self._store.delete_run(self.run_id)

    def _metrics(self, records: list[Record]) -> None:
        points = [
            Metric(name, value, record["time"], record["step"] or 0)
            for record in records
            for name, value in record["values"].items()
        ]
        for first in range(0, len(points), METRICS_A_CALL):
            self._store.log_batch(self.run_id, metrics=points[first : first + METRICS_A_CALL])

    def _params(self, record: Record) -> None:
        params = [Param(name, value) for name, value in record["values"].items()]
        for first in range(0, len(params), PARAMS_A_CALL):
            self._store.log_batch(self.run_id, params=params[first : first + PARAMS_A_CALL])

    def _tags(self, record: Record) -> None:
        self._store.log_batch(self.run_id, tags=[RunTag(name, value) for name, value in record["values"].items()])

    def _dataset(self, record: Record) -> None:
        # MLflow describes a table's columns and size; it need not hold the images for that.
        table = pd.DataFrame({name: [""] * record["rows"] for name in record["columns"]})
        data = mlflow.data.from_pandas(
            table, source=record["source"], targets="label", name=record["name"], digest=record["digest"]
        )
        used = DatasetInput(data._to_mlflow_entity(), [InputTag("mlflow.data.context", record["context"])])
        self._store.log_inputs(self.run_id, [used])

    def _file(self, record: Record) -> None:
        self._store.log_artifact(self.run_id, str(self._outbox.place / record["path"]))

    def _folder(self, record: Record) -> None:
        self._store.log_artifacts(self.run_id, str(self._outbox.place / record["path"]), Path(record["path"]).name)

    def _model(self, record: Record) -> None:
        place = self._outbox.place / record["path"]
        model_id = self._state.model_ids.get(record["path"]) or self._create_model(record)
        described = Model.load(str(place))
        described.run_id, described.model_id, described.model_uuid = self.run_id, model_id, model_id
        described.save(str(place / MLMODEL_FILE_NAME))
        self._store.log_model_artifacts(model_id, str(place))
        self._store.finalize_logged_model(model_id, "READY")
        self._store.log_outputs(self.run_id, [LoggedModelOutput(model_id, step=0)])
        scores = record["scores"]
        if scores:  # the same points as the run's, which is why their time is kept
            points = [
                Metric(name, value, scores["time"], 0, model_id=model_id) for name, value in scores["values"].items()
            ]
            self._store.log_batch(self.run_id, metrics=points)

    def _create_model(self, record: Record) -> str:
        params = self._store.get_run(self.run_id).data.params
        created = self._store.create_logged_model(
            self._state.experiment_id, name="model", source_run_id=self.run_id, params=params
        )
        self._state.model_ids[record["path"]] = created.model_id
        self._outbox.note(self._state)
        return created.model_id


def _together(records: Iterator[tuple[Record, int]]) -> Iterator[tuple[list[Record], int]]:
    """Records one by one, but for metrics that follow each other, which can be delivered in one call."""
    waiting: list[Record] = []
    behind = 0
    for record, offset in records:
        if waiting and (record["kind"] != "metrics" or len(waiting) == MANY_RECORDS):
            yield waiting, behind
            waiting = []
        if record["kind"] == "metrics":
            waiting.append(record)
            behind = offset
        else:
            yield [record], offset
    if waiting:
        yield waiting, behind
