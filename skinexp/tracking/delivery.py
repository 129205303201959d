"""Delivery of an outbox to MLflow: each record in order, so that a repeated delivery changes nothing."""

import errno
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import mlflow
import mlflow.data
import pandas as pd
from mlflow.entities import DatasetInput, InputTag, LoggedModelOutput, Metric, Run, ViewType
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from mlflow.models.model import MLMODEL_FILE_NAME

from skinexp.tracking import mlflow_store, store_errors
from skinexp.tracking.accepted import NAME, TAG_VALUE, accepted_name, accepted_value
from skinexp.tracking.batches import Entities, Refused, metric_entities, param_entities, send, tag_entities
from skinexp.tracking.inventory import Inventory
from skinexp.tracking.mlflow_store import KEY_TAG
from skinexp.tracking.outbox import STATES, Delivered, Held, Outbox, OutsideRun, Record
from skinexp.tracking.store_address import shown_uri, sqlite_file
from skinexp.tracking.store_errors import Unavailable

log = logging.getLogger(__name__)

MANY_RECORDS = 200  # metrics of so many records go into one call at the most
OF_THE_RUN = ("run", "resumed", "status", "delete")  # without these, no later record can be delivered
NOT_THERE = "the store confirmed it, but does not have it. A proxy before it may reply in its place"
NAME_TAG = "skinexp.run_name"  # the whole name of a run whose name is longer than what MLflow stores


class Delivery:
    """Delivers one outbox to one store.

    Args:
        outbox: of the run.
        uri: address of the store.
        anew: whether the store is asked for everything, also for what it was found to have before: it may have been
            restored from a backup since.
    """

    def __init__(self, outbox: Outbox, uri: str, anew: bool = False):
        self._outbox, self._uri, self._state, self._anew = outbox, uri, outbox.delivered(), anew
        if anew:
            self._state.checked = 0
        self._client: mlflow.MlflowClient | None = None
        self._count = 0
        self._sent: list[range] = []  # offsets of the records that are counted
        self._closed = outbox.closed  # once: reading all records each second would take longer and longer
        self._refused: set[int] = set()  # offsets of records that this process need not send again
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

    @property
    def worth_repeating(self) -> bool:
        """Whether records are held that the store may take soon."""
        return any(held.again for held in self._state.held)

    def deliver(self) -> int:
        """Delivers what there is by now, and asks the store whether it has it if the run has ended.

        A record that the store refuses costs itself only: it is held, and sent again with each call if the refusal may
        be temporary, else with the first call of a later process.

        Returns:
            How many records that were, without those that are held.

        Raises:
            Unavailable: if the store does not take any records now.
        """
        self._count, self._sent = 0, []
        with self._turn():
            self._connect()
        self._send_held()
        self._send_new()
        if self._closed and not self._all_found():
            self._send_held()
            self._all_found()
        return self._count

    def _send_held(self) -> None:
        for held in [one for one in self._state.held if one.start not in self._refused]:
            records = []
            for record, end in self._outbox.read(held.start):
                if end > held.end:
                    break
                records.append(record)
            failed = self._attempt(records, held.start, held.end)
            self._state.held = [other for other in self._state.held if other.start != held.start]
            if failed is None:
                self._state.checked = min(self._state.checked, held.start)
            else:
                self._hold(failed)
            self._outbox.note(self._state)

    def _send_new(self) -> None:
        for records, end in _together(self._outbox.read(self._state.offset)):
            failed = self._attempt(records, self._state.offset, end)
            if failed is not None:
                self._hold(failed)
            self._state.offset = end
            self._outbox.note(self._state)
            if records[0]["kind"] in STATES:
                self._closed = records[0]["kind"] == "status"

    def _hold(self, failed: Held) -> None:
        self._state.held.append(failed)
        if not failed.again:
            self._refused.add(failed.start)

    def _attempt(self, records: list[Record], start: int, end: int) -> Held | None:
        """Sends records; returns them with the reason if the store, which replies, does not take them."""
        held = Held(start, end, len(records), _in_words(records), "", again=False)
        try:
            with mlflow_store.one_writer(self._uri):
                self._hand_over(records)
        except Unavailable:
            raise
        except (Refused, OutsideRun) as error:
            log.error("refused: %s", error)
            return replace(held, why=str(error))
        except FileNotFoundError as error:
            log.error("cannot be delivered: %s", records, exc_info=True)
            return replace(held, why=f"{error.filename or error}: there is no such file any more")
        except Exception as error:  # of MLflow, of the database, of an object store's client
            log.error("not delivered: %s", records, exc_info=True)
            if not self._replies(error) or records[0]["kind"] in OF_THE_RUN:
                raise Unavailable(store_errors.explain(self._uri, error)) from error
            return replace(held, why=store_errors.refusal_of_one(error), again=store_errors.is_temporary(error))
        self._count += len(records)
        self._sent.append(range(start, end))
        return None

    def _replies(self, error: Exception) -> bool:
        """Returns whether the store has the run, so that an error is about the records that were sent.

        Raises:
            Unavailable: if the run was deleted.
        """
        if store_errors.http_status(error) in store_errors.BUSY:
            return False
        try:
            return self._has_run(self._store.get_run(self._state.run_id))
        except Unavailable:
            raise
        except Exception:  # of any part of the way to the store
            return False

    def _has_run(self, run: Run) -> bool:
        mlflow_store.refuse_deleted_run(self._uri, run)
        return run.data.tags.get(KEY_TAG) == self._outbox.opening["key"]

    def _all_found(self) -> bool:
        """Asks the store for what was sent and not asked for yet; returns whether it has all of it."""
        waiting = [entry for entry in self._outbox.unheld(self._state) if entry[2] <= self._state.offset]
        if not waiting:
            return True
        if any(record["kind"] == "delete" for record, _, _ in waiting):
            waiting = []  # the store has nothing of a run that was taken back
        with self._turn():
            inventory = Inventory(self._store, self._outbox, self._state)
            lost = [entry for entry in waiting if not inventory.has(entry[0])]
        self._state.held += [
            Held(start, end, 1, _in_words([record]), NOT_THERE, again=True) for record, start, end in lost
        ]
        self._count -= sum(any(start in sent for sent in self._sent) for _, start, _ in lost)
        self._state.checked = self._state.offset
        self._outbox.note(self._state)
        return not lost

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Holds a local store's lock, and explains errors of the store in a sentence."""
        try:
            with mlflow_store.one_writer(self._uri):
                yield
        except Unavailable:
            raise
        except Exception as error:  # of MLflow, of the database, of an object store's client
            raise Unavailable(store_errors.explain(self._uri, error)) from error

    def _connect(self) -> None:
        file = sqlite_file(self._uri)
        if self._client is not None:
            if file is not None and not file.exists():  # what is written now would be lost with the file
                raise Unavailable(f"tracking.uri: {file.resolve()} was deleted or moved. Put it back")
            return
        if self._state.run_id is None:
            self._state.experiment_id = mlflow_store.connect(self._uri, self._outbox.opening["experiment"])
        else:
            mlflow_store.open_store(self._uri)
            self._find_known_run(mlflow_store.client(self._uri))
        self._client = mlflow_store.client(self._uri)

    def _find_known_run(self, client: mlflow.MlflowClient) -> None:
        """Finds the run that this outbox was delivered to; begins again in a store that does not have it.

        Raises:
            Unavailable: if the run was deleted.
        """
        try:
            run = client.get_run(self._state.run_id)
            if self._has_run(run):
                if self._anew:
                    self._tie_to_parent(client, run)
                return
        except MlflowException as error:
            if not store_errors.is_absent(error):
                raise
        self._state = Delivered(attempted=True)  # another store, or one from which the run was removed for good
        self._state.experiment_id = mlflow_store.connect(self._uri, self._outbox.opening["experiment"])
        log.warning("%s does not have the run: all its records are delivered", shown_uri(self._uri))

    def _tie_to_parent(self, client: mlflow.MlflowClient, run: Run) -> None:
        """Makes the run a child of its sweep's run, which is another one where the first was removed for good."""
        key = self._outbox.opening["parent"]
        parent = None if key is None else self._find(client, key)
        if parent is not None and run.data.tags.get(mlflow_store.PARENT_TAG) != parent:
            client.set_tag(run.info.run_id, mlflow_store.PARENT_TAG, parent)

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
        found = self._find(self._store, record["key"]) if self._state.attempted else None
        if found is None:
            self._state.attempted = True
            self._outbox.note(self._state)
            created = self._store.create_run(
                self._state.experiment_id,
                start_time=record["time"],
                tags=self._opening_tags(record),
                run_name=accepted_value(record["name"], NAME),
            )
            found = created.info.run_id
        if not found or not self._has_run(self._store.get_run(found)):
            raise Unavailable(f"tracking.uri: {shown_uri(self._uri)} does not keep what it is sent")
        self._state.run_id = found

    def _opening_tags(self, record: Record) -> dict[str, str]:
        tags = {name: accepted_value(value, TAG_VALUE) for name, value in record["tags"].items()}
        tags[KEY_TAG] = record["key"]
        if len(record["name"]) > NAME:
            tags[NAME_TAG] = accepted_value(record["name"], TAG_VALUE)
        if record["parent"] is not None:
            parent = self._find(self._store, record["parent"])
            if parent is None:
                raise Unavailable(
                    f"{shown_uri(self._uri)} does not have the sweep or run that this run belongs to. "
                    "Deliver that one first, with its directory"
                )
            tags[mlflow_store.PARENT_TAG] = parent
        return tags

    def _find(self, client: mlflow.MlflowClient, key: str) -> str | None:
        """Returns the id of the run that has this key, deleted or not."""
        where = f"tags.`{KEY_TAG}` = '{key}'"
        runs = client.search_runs([self._state.experiment_id], where, ViewType.ALL, max_results=1)
        return runs[0].info.run_id if runs else None

    def _resumed(self, record: Record) -> None:
        self._store.update_run(self.run_id, status="RUNNING")

    def _status(self, record: Record) -> None:
        self._store.set_terminated(self.run_id, record["status"], record["time"])

    def _delete(self, record: Record) -> None:
        self._store.delete_run(self.run_id)

    def _metrics(self, records: list[Record]) -> None:
        self._log(metric_entities(records))

    def _params(self, record: Record) -> None:
        self._log(param_entities(record["values"]))

    def _tags(self, record: Record) -> None:
        self._log(tag_entities(self._newest_tags(record["values"])))

    def _newest_tags(self, values: dict[str, str]) -> dict[str, str]:
        """Returns tags with the values of later records, which may have been delivered before."""
        newest = dict(values)
        for record, _ in self._outbox.read():
            if record["kind"] == "tags":
                newest.update((name, value) for name, value in record["values"].items() if name in values)
        return newest

    def _log(self, entities: Entities) -> None:
        send(self._store, str(self._state.run_id), entities, self._replies)

    def _dataset(self, record: Record) -> None:
        # MLflow describes a table's columns and size; it need not hold the images for that.
        table = pd.DataFrame({name: [""] * record["rows"] for name in record["columns"]})
        data = mlflow.data.from_pandas(
            table, source=record["source"], targets="label", name=record["name"], digest=record["digest"]
        )
        used = DatasetInput(data._to_mlflow_entity(), [InputTag("mlflow.data.context", record["context"])])
        self._store.log_inputs(self.run_id, [used])

    def _file(self, record: Record) -> None:
        self._store.log_artifact(self.run_id, str(_existing(self._outbox.path_of(record))))

    def _folder(self, record: Record) -> None:
        folder = _existing(self._outbox.path_of(record))
        self._store.log_artifacts(self.run_id, str(folder), folder.name)

    def _model(self, record: Record) -> None:
        place = _existing(self._outbox.path_of(record))
        model_id = self._known_model(record["path"]) or self._create_model(record)
        described = Model.load(str(place))
        described.run_id, described.model_id, described.model_uuid = self.run_id, model_id, model_id
        described.save(str(place / MLMODEL_FILE_NAME))
        self._store.log_model_artifacts(model_id, str(place))
        self._store.finalize_logged_model(model_id, "READY")
        self._store.log_outputs(self.run_id, [LoggedModelOutput(model_id, step=0)])
        scores = record["scores"]
        if scores:  # the same points as the run's, which is why their time is kept
            points = [
                Metric(accepted_name(name), value, scores["time"], 0, model_id=model_id)
                for name, value in scores["values"].items()
            ]
            self._store.log_batch(self.run_id, metrics=points, synchronous=True)

    def _known_model(self, path: str) -> str | None:
        """Returns the id of the model that was created for a record; None if the store does not have it (any more)."""
        model_id = self._state.model_ids.get(path)
        if model_id is None:
            return None
        try:
            return self._store.get_logged_model(model_id).model_id
        except MlflowException as error:
            if not store_errors.is_absent(error):
                raise
            return None

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


def _existing(path: Path) -> Path:
    """Returns the path of a file or folder that exists; MLflow takes a folder that does not exist for an empty one.

    Raises:
        FileNotFoundError: if it does not exist.
    """
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    return path


def _in_words(records: list[Record]) -> str:
    kind = records[0]["kind"]
    if kind == "model":
        return "the model"
    return f"{kind} {records[0]['path']}" if kind in ("file", "folder") else kind
