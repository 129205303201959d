"""result.json: what became of a run. It is written whatever happens, so that its status is always true."""

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from skinexp.core.atomic_files import replace_text

FILE = "result.json"
EVIDENCE = "evidence"  # the directory beside it that holds scores with intervals, as tables
LOST = "the process ended without a word: it was killed, or the machine stopped"
TRACEBACK = "traceback.txt"  # beside it, where a run failed

Ending = Callable[[str, BaseException | None, Path], None]  # takes the status, what ended the run, and the file


class Result:
    """Collects what a run has to say and writes it at the end, also where the run fails or is stopped.

    Use as a context manager around the run; `values` is written as it stands.
    """

    def __init__(self, directory: Path, **values: Any):
        self.values: dict[str, Any] = {"status": "running", "error": None, **values, "seconds": {}}
        self._file = directory / FILE
        self._endings: list[Ending] = []
        self._start = time.perf_counter()

    def __enter__(self) -> "Result":
        self.save()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self.values["status"] = status_of(error)
        if error is not None:
            self.values["error"] = f"{type(error).__name__}: {error}"
        self.values["seconds"]["total"] = round(time.perf_counter() - self._start, 3)
        self.save()
        for ending in self._endings:
            ending(self.values["status"], error, self._file)

    def at_end(self, ending: Ending) -> None:
        """Calls something as soon as the file says how the run ended."""
        self._endings.append(ending)

    def add(self, **values: Any) -> None:
        """Adds entries."""
        self.values |= values

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Says that a stage has begun, and adds the seconds spent inside to `seconds`; it may have several parts."""
        start = time.perf_counter()
        self.add(stage=name)
        self.save()  # so that whoever finds a run that was killed knows where it was
        try:
            yield
        finally:
            seconds = self.values["seconds"]
            seconds[name] = round(seconds.get(name, 0.0) + time.perf_counter() - start, 3)

    def save(self) -> None:
        """Writes the file whole or not at all."""
        replace_text(self._file, json.dumps(plain(self.values), indent=2) + "\n")


def status_of(error: BaseException | None) -> str:
    """finished, killed (stopped from outside) or failed."""
    if error is None:
        return "finished"
    return "killed" if isinstance(error, KeyboardInterrupt) else "failed"


def plain(value: Any) -> Any:
    """The value in strict JSON's terms: no NaN, no infinity."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def load(directory: Path) -> dict[str, Any]:
    """A run's result; empty where the run left none."""
    file = directory / FILE
    return json.loads(file.read_text()) if file.is_file() else {}


def mark(directory: Path, status: str, error: str = LOST) -> None:
    """Says of a run that could not say so itself how it ended; what a run has said itself stays."""
    with FileLock(directory / ".result.lock"):  # the launcher and the courier of a job that was killed both do so
        values = load(directory)
        if values.get("status", "running") == "running" or values.get("error") == LOST:
            replace_text(directory / FILE, json.dumps({**values, "status": status, "error": error}, indent=2) + "\n")
