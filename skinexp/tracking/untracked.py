"""A run that is not recorded."""

from pathlib import Path
from typing import Any

from skinexp.tracking.tracked_run import TrackedRun


class Untracked(TrackedRun):
    """A run that accepts all reports and keeps none of them, for trainings that are examined and discarded."""

    id = experiment_id = None

    def __init__(self) -> None:
        self._points: set[tuple[str, int | None]] = set()
        self._params: set[str] = set()
        self._scores: dict[str, Any] = {}

    def confirm(self) -> None:
        """Does nothing: there is no store."""

    def await_answer(self) -> None:
        """Does nothing: there is no store."""

    def file(self, path: Path) -> None:
        """Does nothing: no file is delivered."""

    def run_directory(self) -> None:
        """Does nothing: no file is delivered."""

    def model(self, *args: Any, **kwargs: Any) -> None:
        """Does nothing: no model is logged."""

    def close(self, *args: Any) -> None:
        """Does nothing: no run is open."""

    def _append(self, kind: str, **content: Any) -> None:
        pass
