"""The outbox: all records of a run, written into the run's directory before they are delivered.

`records.jsonl` holds one JSON object per line and only grows. `delivered.json` holds how much of it the tracking store
has, and under which ids. Writing a record never waits for a server, and a written record survives a crash of either.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock

from skinexp.core.atomic_files import replace_text
from skinexp.core.errors import NO_ROOM, UserError
from skinexp.core.run_files import OUTBOX

STATUSES = {"finished": "FINISHED", "failed": "FAILED", "killed": "KILLED"}  # of a run, in MLflow's words

Record = dict[str, Any]  # kind, and what that kind needs


@dataclass
class Delivered:
    """The progress of an outbox's delivery.

    Attributes:
        offset: bytes of the records that the store has.
        attempted: whether the run's creation was ever requested: the reply may have been lost.
        run_id: of the MLflow run.
        experiment_id: of its experiment.
        model_ids: of logged models, by the path of their record.
        rejected: number of records that the store will never accept.
    """

    offset: int = 0
    attempted: bool = False
    run_id: str | None = None
    experiment_id: str | None = None
    model_ids: dict[str, str] = field(default_factory=dict)
    rejected: int = 0


class Outbox:
    """The records of one run.

    Attributes:
        place: the run's directory, in which files that records name are looked up.
        writer: a lock that the running job holds; it is free if the job has ended or was killed.
        deliverer: a lock that the delivering process holds.
    """

    def __init__(self, place: Path):
        self.place = place
        self.directory = place / OUTBOX
        self._records, self._delivered = self.directory / "records.jsonl", self.directory / "delivered.json"
        self.writer = FileLock(self.directory / "writer.lock")
        self.deliverer = FileLock(self.directory / "deliverer.lock")

    def __bool__(self) -> bool:
        """Whether anything was ever written."""
        return self._records.is_file()

    def create(self) -> None:
        """Makes the directory."""
        self.directory.mkdir(parents=True, exist_ok=True)

    def clear(self) -> None:
        """Removes the records of an earlier run; the locks stay, and are held by whom they were held."""
        self._records.unlink(missing_ok=True)
        self._delivered.unlink(missing_ok=True)

    def append(self, kind: str, **content: Any) -> None:
        """Writes one record; when this returns, it is on the disk.

        Raises:
            UserError: if the disk is full.
        """
        line = json.dumps({"kind": kind, **content}).encode() + b"\n"
        try:
            descriptor = os.open(self._records, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                if self._cut_off(descriptor):
                    line = b"\n" + line  # what was cut off stays a line of its own, which no reader understands
                os.write(descriptor, line)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            if error.errno in NO_ROOM:
                raise UserError(
                    f"{self.directory}: the disk is full, so nothing more can be tracked. Free some space, then resume "
                    f"with resume={self.place}"
                ) from error
            raise

    def read(self, offset: int = 0) -> Iterator[tuple[Record, int]]:
        """Yields whole records from an offset on, each with the offset behind it; incomplete lines are skipped."""
        if not self:
            return
        with self._records.open("rb") as stream:
            stream.seek(offset)
            for line in stream:
                if not line.endswith(b"\n"):
                    return  # still being written
                offset += len(line)
                with suppress(ValueError):
                    yield json.loads(line), offset

    @property
    def opening(self) -> Record:
        """The record that the run began with: its key, store and experiment."""
        return next(record for record, _ in self.read() if record["kind"] == "run")

    @property
    def left(self) -> int:
        """Number of records that are not delivered."""
        return sum(1 for _ in self.read(self.delivered().offset))

    @property
    def closed(self) -> bool:
        """Whether the last record about the run's state is its end."""
        kinds = [record["kind"] for record, _ in self.read() if record["kind"] in ("run", "resumed", "status")]
        return bool(kinds) and kinds[-1] == "status"

    def delivered(self) -> Delivered:
        """Returns the progress of the delivery."""
        return Delivered(**json.loads(self._delivered.read_text())) if self._delivered.is_file() else Delivered()

    def note(self, delivered: Delivered) -> None:
        """Writes the progress of the delivery."""
        replace_text(self._delivered, json.dumps(asdict(delivered)) + "\n")

    @staticmethod
    def _cut_off(descriptor: int) -> bool:
        size = os.fstat(descriptor).st_size
        return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"


def find(place: Path) -> list[Outbox]:
    """Returns the outboxes below a directory, a sweep's before those of its runs: their parent is delivered first."""
    found = [Outbox(directory.parent) for directory in place.rglob(OUTBOX) if directory.is_dir()]
    return sorted((outbox for outbox in found if outbox), key=lambda outbox: (len(outbox.place.parts), outbox.place))


def now() -> int:
    """Returns the milliseconds since 1970, as MLflow counts time."""
    return time.time_ns() // 1_000_000
