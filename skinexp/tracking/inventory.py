"""What a store has of a run, compared with what was sent to it: only what the store has is delivered."""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path

import mlflow
from mlflow.entities import FileInfo, Run

from skinexp.tracking.accepted import accepted_name
from skinexp.tracking.outbox import STATES, Delivered, Outbox, OutsideRun, Record

Sizes = dict[str, int | None]  # bytes of files by their paths; None if the store does not know it


class Inventory:
    """What the store has of one run."""

    def __init__(self, client: mlflow.MlflowClient, outbox: Outbox, state: Delivered):
        self._client, self._outbox, self._state = client, outbox, state
        self._listed: dict[str, Sizes] = {}
        self._repeated = _repeated_metrics(outbox)
        self._last_state = [record for record, _ in outbox.read() if record["kind"] in STATES][-1]
        self._points: dict[str, set[tuple[int, int]]] = {}
        self._has: dict[str, Callable[[Record], bool]] = {
            "metrics": self._has_metrics,
            "params": self._has_params,
            "tags": self._has_tags,
            "dataset": self._has_dataset,
            "file": self._has_file,
            "folder": self._has_folder,
            "model": self._has_model,
            "status": self._has_status,
        }

    def has(self, record: Record) -> bool:
        """Returns whether the store has what a record holds; the run itself is its own evidence."""
        look = self._has.get(record["kind"])
        try:
            return look is None or look(record)
        except OutsideRun:
            return False  # it is sent again, which says why it cannot be

    @cached_property
    def _run(self) -> Run:
        return self._client.get_run(self._state.run_id)

    def _has_metrics(self, record: Record) -> bool:
        if not _all_there(record["values"], self._run.data.metrics):
            return False
        # One call to the store stores a record whole, so that one point stands for all.
        name = next(iter(record["values"]))
        return name not in self._repeated or (record["step"] or 0, record["time"]) in self._history(name)

    def _history(self, name: str) -> set[tuple[int, int]]:
        if name not in self._points:
            sent = next(key for key in _sent_as(name) if key in self._run.data.metrics)
            history = self._client.get_metric_history(self._state.run_id, sent)
            self._points[name] = {(point.step, point.timestamp) for point in history}
        return self._points[name]

    def _has_params(self, record: Record) -> bool:
        return _all_there(record["values"], self._run.data.params)

    def _has_tags(self, record: Record) -> bool:
        return _all_there(record["values"], self._run.data.tags)

    def _has_status(self, record: Record) -> bool:
        """Returns whether the run has the status that it ended with; earlier ones were replaced by it."""
        return record != self._last_state or self._run.info.status == record["status"]

    def _has_dataset(self, record: Record) -> bool:
        used = self._run.inputs.dataset_inputs if self._run.inputs else []
        return any((one.dataset.name, one.dataset.digest) == (record["name"], record["digest"]) for one in used)

    def _has_file(self, record: Record) -> bool:
        file = self._outbox.path_of(record)
        return _same({file.name: _size(file)}, self._artifacts(""))

    def _has_folder(self, record: Record) -> bool:
        folder = self._outbox.path_of(record)
        return all(
            _same({f"{folder.name}/{name}": size}, self._artifacts(str(Path(folder.name, name).parent)))
            for name, size in _local_files(folder).items()
        )

    def _has_model(self, record: Record) -> bool:
        model_id = self._state.model_ids.get(record["path"])
        outputs = self._run.outputs.model_outputs if self._run.outputs else []
        if model_id is None or model_id not in {output.model_id for output in outputs}:
            return False
        files = _local_files(self._outbox.path_of(record))
        folders = {str(Path(name).parent) for name in files}
        stored = [
            found
            for folder in folders
            for found in self._client.list_logged_model_artifacts(model_id, None if folder == "." else folder)
        ]
        return _same(files, _sizes(stored))

    def _artifacts(self, folder: str) -> Sizes:
        if folder not in self._listed:
            self._listed[folder] = _sizes(self._client.list_artifacts(self._state.run_id, folder or None))
        return self._listed[folder]


def _sent_as(name: str) -> tuple[str, str]:
    return accepted_name(name), accepted_name(name, strict=True)


def _all_there(names: Iterable[str], stored: Iterable[str]) -> bool:
    known = set(stored)
    return all(known.intersection(_sent_as(name)) for name in names)


def _repeated_metrics(outbox: Outbox) -> set[str]:
    """Returns the metrics of more than one record; of the others, the store's last value is the only one."""
    records = (record for record, _ in outbox.read() if record["kind"] == "metrics")
    counted = Counter(name for record in records for name in record["values"])
    return {name for name, count in counted.items() if count > 1}


def _size(file: Path) -> int | None:
    return file.stat().st_size if file.is_file() else None


def _local_files(folder: Path) -> Sizes:
    """Returns the files below a folder, by their paths in it."""
    return {
        file.relative_to(folder).as_posix(): file.stat().st_size for file in sorted(folder.rglob("*")) if file.is_file()
    }


def _sizes(files: Iterable[FileInfo]) -> Sizes:
    return {file.path: file.file_size for file in files if not file.is_dir}


def _same(sent: Sizes, stored: Sizes) -> bool:
    """Returns whether all files are stored, as large as they were sent if both sizes are known."""
    return all(
        name in stored and (size is None or stored[name] is None or stored[name] == size) for name, size in sent.items()
    )
