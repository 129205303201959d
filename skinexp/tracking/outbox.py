"""The outbox: all records of a run, written into the run's directory before they are delivered.

`records.jsonl` holds one JSON object per line and only grows. `delivered.json` holds how much of it was sent to the
tracking store, how much of that the store was found to have, and under which ids. Writing a record never waits for a
server, and a written record survives a crash of either.
"""

import json
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock

from skinexp.core.atomic_files import replace_text
from skinexp.core.errors import NO_ROOM, UserError
from skinexp.core.links import leads_out_of, links_out_of
from skinexp.core.run_files import HYDRA, OUTBOX
from skinexp.core.strict_json import read_json
from skinexp.tracking.store_address import absolute, parameter_that_loads_code, shown_uri

log = logging.getLogger(__name__)

STATUSES = {"finished": "FINISHED", "failed": "FAILED", "killed": "KILLED"}  # of a run, in MLflow's words
STATES = ("run", "resumed", "status")  # kinds of records that open or close a run

Record = dict[str, Any]  # kind, and what that kind needs

TYPES: dict[str, Any] = {  # of the entries of records
    **dict.fromkeys(("key", "uri", "cwd", "experiment", "name", "digest", "context", "path", "status"), str),
    **dict.fromkeys(("values", "tags", "scores"), dict),
    **dict.fromkeys(("time", "rows"), int),
    "columns": list,
}
KINDS = ("run", "resumed", "params", "tags", "metrics", "dataset", "file", "folder", "model", "status", "delete")
OPENING = ("key", "uri", "experiment")  # without which nothing of a run can be delivered


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
        """Returns the progress that a file holds, also of another version.

        Earlier versions counted what they sent as delivered.

        Raises:
            ValueError, KeyError, TypeError: if an entry is absent, or of another type.
        """
        known = {item.name for item in fields(cls)} | {"rejected"}
        stored = {name: value for name, value in stored.items() if name in known}
        rejected = stored.pop("rejected", 0)
        if stored.get("run_id") is None:  # not even the run
            stored["offset"] = 0
        stored.setdefault("checked", 0 if rejected else stored["offset"])
        state = cls(**{**stored, "held": [Held(**held) for held in stored.get("held", ())]})
        if not all(isinstance(offset, int) for offset in (state.offset, state.checked)):
            raise TypeError("an offset that is no number")
        return state


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
        """Yields whole records from an offset on, each with the offset behind it; lines that are none are skipped."""
        if not self:
            return
        with self._records.open("rb") as stream:
            stream.seek(offset)
            for line in stream:
                if not line.endswith(b"\n"):
                    return  # still being written
                offset += len(line)
                if (record := _record(line)) is not None:
                    yield record, offset

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
        """The record that the run began with: its key, store and experiment.

        Raises:
            UserError: if it is damaged.
        """
        found = next((record for record, _ in self.read() if record["kind"] == "run"), None)
        if found is None or not set(OPENING) <= set(found):
            raise UserError(
                f"{self._records} is damaged: the record that the run began with cannot be read, so the run cannot be "
                f"tracked any more. The files of the run are whole, and can be used by its directory {self.place}"
            )
        return found

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
        return absolute(opening["uri"], Path(opening["cwd"]) if "cwd" in opening else self._recorded_place())

    def _recorded_place(self) -> Path:
        """Returns the working directory of a run of an earlier version, which Hydra recorded; else the present one."""
        try:
            settings = yaml.safe_load((self.place / HYDRA / "hydra.yaml").read_text(encoding="utf-8"))
            return Path(settings["hydra"]["runtime"]["cwd"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError, yaml.YAMLError):
            return Path.cwd()

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
        """Returns the progress of the delivery; of a damaged file, that it has to begin again."""
        try:
            state = Delivered.from_dict(read_json(self._delivered))
            if all(map(self._is_between_lines, (state.offset, state.checked))):
                return state
        except FileNotFoundError:
            return Delivered()
        except (OSError, ValueError, KeyError, TypeError):
            pass
        log.warning("Damaged   %s: all records are sent again, which changes nothing in the store", self._delivered)
        return Delivered(attempted=True)

    def note(self, delivered: Delivered) -> None:
        """Writes the progress of the delivery."""
        replace_text(self._delivered, json.dumps(asdict(delivered)) + "\n")

    def _is_between_lines(self, offset: int) -> bool:
        """Returns whether a record may begin at an offset of the records that are there."""
        with self._records.open("rb") as stream:
            stream.seek(max(0, offset - 1))
            return offset == 0 or stream.read(1) == b"\n"

    @staticmethod
    def _cut_off(descriptor: int) -> bool:
        size = os.fstat(descriptor).st_size
        return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"


def _record(line: bytes) -> Record | None:
    """Returns the record that a line holds; None if the line was cut off, is damaged, or is of another version."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or record.get("kind") not in KINDS:
        return None
    is_whole = all(isinstance(value, TYPES.get(name, object)) for name, value in record.items())
    return record if is_whole else None


def find(place: Path) -> list[Outbox]:
    """Returns the outboxes below a directory, a sweep's before those of its runs: their parent is delivered first."""
    found = [Outbox(directory.parent) for directory in place.rglob(OUTBOX) if directory.is_dir()]
    return sorted((outbox for outbox in found if outbox), key=lambda outbox: (len(outbox.place.parts), outbox.place))


def now() -> int:
    """Returns the milliseconds since 1970, as MLflow counts time."""
    return time.time_ns() // 1_000_000
