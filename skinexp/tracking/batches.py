"""Metrics, params and tags in calls of MLflow: what a store refuses costs itself, not what it was sent with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import mlflow
from mlflow.entities import Metric, Param, RunTag

from skinexp.tracking import store_errors
from skinexp.tracking.accepted import OLD_VALUE, PARAM_VALUE, TAG_VALUE, accepted_name, accepted_value, original_tags
from skinexp.tracking.outbox import Record

METRICS_A_CALL, PARAMS_A_CALL = 1_000, 100  # MLflow refuses more in one batch
CONTENT_REFUSED = (400, 413)  # HTTP: something in the batch, or its size
KINDS = {Metric: "metric", Param: "param", RunTag: "tag"}
MANY_REFUSALS = 20  # after so many, it is not about single values


class Refused(Exception):
    """Single values that the store refuses in every form. The message names them, with the store's reason."""


@dataclass(frozen=True)
class Entity:
    """One metric, param or tag: what was logged, and how often it may be sent in one call."""

    kind: type[Metric] | type[Param] | type[RunTag]
    name: str
    value: float | str
    time: int = 0
    step: int = 0

    def to_mlflow(self, strict: bool) -> Metric | Param | RunTag:
        """Returns the entity in the form that MLflow stores."""
        name = accepted_name(self.name, strict)
        if self.kind is Metric:
            return Metric(name, self.value, self.time, self.step)
        limit = TAG_VALUE if self.kind is RunTag else OLD_VALUE if strict else PARAM_VALUE
        return self.kind(name, accepted_value(str(self.value), limit))


Entities = Sequence[Entity]


def metric_entities(records: Sequence[Record]) -> Entities:
    """Returns the points of records of metrics."""
    return [
        Entity(Metric, name, value, record["time"], record["step"] or 0)
        for record in records
        for name, value in record["values"].items()
    ]


def param_entities(values: Mapping[str, str]) -> Entities:
    """Returns params."""
    return [Entity(Param, name, value) for name, value in values.items()]


def tag_entities(values: Mapping[str, str]) -> Entities:
    """Returns tags."""
    return [Entity(RunTag, name, value) for name, value in values.items()]


def send(client: mlflow.MlflowClient, run_id: str, entities: Entities, replies: Callable[[Exception], bool]) -> None:
    """Sends entities of one kind, and the originals of names that had to be escaped.

    Args:
        client: of the store.
        run_id: of the run.
        entities: in the order in which they are sent.
        replies: whether an error is about what was sent, because the store replies.

    Raises:
        Refused: if the store refuses some of them; the others are sent.
    """
    sender = _Sender(client, run_id, replies)
    size = METRICS_A_CALL if entities and entities[0].kind is Metric else PARAMS_A_CALL
    for first in range(0, len(entities), size):
        sender.send(entities[first : first + size])
    if tags := original_tags(sender.names):
        sender.call([RunTag(name, value) for name, value in tags.items()])
    if sender.refused:
        raise Refused("; ".join(sender.refused))


class _Sender:
    """Halves a batch that the store refuses, until what it refuses is alone.

    Attributes:
        names: of what was sent: originals by the names that were sent.
        refused: what the store refuses, with its reason.
    """

    def __init__(self, client: mlflow.MlflowClient, run_id: str, replies: Callable[[Exception], bool]):
        self._client, self._run_id, self._replies = client, run_id, replies
        self.names: dict[str, str] = {}
        self.refused: list[str] = []

    def send(self, entities: Entities, halved: bool = False) -> None:
        """Sends a batch, or its halves if the store refuses it, or its only entity in the strictest form."""
        try:
            self._send(entities, strict=False)
        except Exception as error:
            if store_errors.http_status(error) not in CONTENT_REFUSED or len(self.refused) >= MANY_REFUSALS:
                raise
            if not halved and not self._replies(error):
                raise
            if len(entities) == 1:
                self._send_strictly(entities)
                return
            middle = len(entities) // 2
            self.send(entities[:middle], halved=True)
            self.send(entities[middle:], halved=True)

    def _send_strictly(self, entities: Entities) -> None:
        try:
            self._send(entities, strict=True)
        except Exception as error:
            if store_errors.http_status(error) not in CONTENT_REFUSED:
                raise
            self.refused.append(f"{KINDS[entities[0].kind]} {entities[0].name}: {store_errors.reason(error)}")

    def _send(self, entities: Entities, strict: bool) -> None:
        sent = [entity.to_mlflow(strict) for entity in entities]
        self.call(sent)
        self.names |= {one.key: entity.name for one, entity in zip(sent, entities, strict=True)}

    def call(self, entities: Sequence[Metric | Param | RunTag]) -> None:
        """Sends a batch in one call, which has ended when this returns, whatever MLFLOW_ENABLE_ASYNC_LOGGING says."""
        of = {kind: [one for one in entities if isinstance(one, kind)] for kind in (Metric, Param, RunTag)}
        self._client.log_batch(self._run_id, of[Metric], of[Param], of[RunTag], synchronous=True)
