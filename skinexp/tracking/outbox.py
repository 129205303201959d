"""The outbox: all records of a run, written into the run's directory before they are delivered.

`records.jsonl` holds one JSON object per line and only grows. `delivered.json` holds how much of it was sent to the
tracking store, how much of that the store was found to have, and under which ids. Writing a record never waits for a
server, and a written record survives a crash of either.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock

from skinexp.core.atomic_files import replace_text
from skinexp.core.errors import NO_ROOM, UserError
from skinexp.core.links import leads_out_of, links_out_of
from skinexp.core.run_files import HYDRA, OUTBOX
from skinexp.tracking.store_address import absolute, parameter_that_loads_code, shown_uri

STATUSES = {"finished": "FINISHED", "failed": "FAILED", "killed": "KILLED"}  # of a run, in MLflow's words
STATES = ("run", "resumed", "status")  # kinds of records that open or close a run

Record = dict[str, Any]  # kind, and what that kind needs


class OutsideRun(Exception):
    """A record that names a file elsewhere than in the run's directory. The message names it."""


@dataclass(frozen=True)
class Held:
    """Records that were sent and that the store did not take; they stay in the outbox.

    Attributes:
        start: offset of the first one.
        end: offset behind the last one.
        count: number of records.
        what: the records in words.
        why: the reason, and what to do.
        again: whether the same request may succeed soon.
    """

    start: int
    end: int
    count: int
    what: str
    why: str
    again: bool


@dataclass
class Delivered:
    """The progress of an outbox's delivery.

    Attributes:
        offset: bytes of the records that were sent.
        checked: bytes of the records that the store was found to have, but for those that are held.
        attempted: whether the run's creation was ever requested: the reply may have been lost.
        run_id: of the MLflow run.
        experiment_id: of its experiment.
        model_ids: of logged models, by the path of their record.
        held: records before the offset that the store did not take.
    """

    offset: int = 0
    checked: int = 0
    attempted: bool = False
    run_id: str | None = None
    experiment_id: str | None = None
    model_ids: dict[str, str] = field(default_factory=dict)
    held: list[Held] = field(default_factory=list)

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "Delivered":
        """Returns the progress that a file holds; earlier versions counted what they sent as delivered."""
        rejected = stored.pop("rejected", 0)
        if stored.get("run_id") is None:  # not even the run
            stored["offset"] = 0
        stored.setdefault("checked", 0 if rejected else stored["offset"])
        return cls(**{**stored, "held": [Held(**held) for held in stored.get("held", ())]})


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

    def unheld(self, state: Delivered) -> Iterator[tuple[Record, int, int]]:
        """Yields the records that were not checked yet, without those that are held, each with its two offsets."""
        start = state.checked
        for record, end in self.read(start):
            if not any(held.start <= start < held.end for held in state.held):
                yield record, start, end
            start = end

    def path_of(self, record: Record) -> Path:
        """Returns the file or folder that a record names, which is in the run's directory.

        Raises:
            OutsideRun: if it is not, or a link in the folder leads out of the run's directory.
        """
        path = self.place / record["path"]
        found = path if leads_out_of(path, self.place) else next(links_out_of(path, self.place), None)
        if found is not None:
            raise OutsideRun(
                f"{record['path']}: {found} leads out of the run's directory, and is not sent to a store. Remove the "
                "link, or put the file itself there"
            )
        return path

    @property
    def opening(self) -> Record:
        """The record that the run began with: its key, store and experiment."""
        return next(record for record, _ in self.read() if record["kind"] == "run")

    @property
    def store(self) -> str:
        """Address of the store that the run began with, the same in every working directory.

        Raises:
            UserError: if a driver would load code that the address names: the record may be a stranger's.
        """
        opening = self.opening
        if name := parameter_that_loads_code(opening["uri"]):
            raise UserError(
                f"{self.directory}: the address of its store has the parameter {name}, by which a driver can load "
                f"code. If the run is your own, give the address yourself: --uri {shown_uri(opening['uri'])}"
            )
        settings = self.place / HYDRA / "hydra.yaml"
        if "cwd" not in opening and settings.is_file():  # written by an earlier version
            return absolute(opening["uri"], Path(yaml.safe_load(settings.read_text())["hydra"]["runtime"]["cwd"]))
        return absolute(opening["uri"], Path(opening.get("cwd", Path.cwd())))

    @property
    def left(self) -> int:
        """Number of records that the store is not known to have."""
        state = self.delivered()
        return sum(held.count for held in state.held) + sum(1 for _ in self.unheld(state))

    @property
    def closed(self) -> bool:
        """Whether the last record about the run's state is its end."""
        kinds = [record["kind"] for record, _ in self.read() if record["kind"] in STATES]
        return bool(kinds) and kinds[-1] == "status"

    def delivered(self) -> Delivered:
        """Returns the progress of the delivery."""
        if not self._delivered.is_file():
            return Delivered()
        return Delivered.from_dict(json.loads(self._delivered.read_text()))

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
