"""A run that nobody records."""

from pathlib import Path
from typing import Any

from skinexp.tracking.tracked_run import TrackedRun


class Untracked(TrackedRun):
    """Accepts what a run reports and keeps none of it: for trainings that are only looked at and thrown away."""

    id = experiment_id = None

    def __init__(self) -> None:
        self._points: set[tuple[str, int | None]] = set()
        self._params: set[str] = set()
        self._scores: dict[str, Any] = {}

    def confirm(self) -> None:
        """Nothing is asked of any store."""

    def await_answer(self) -> None:
        """Nothing is asked of any store."""

    def file(self, path: Path) -> None:
        """Nothing is delivered."""

    def run_directory(self) -> None:
        """Nothing is delivered."""

    def model(self, *args: Any, **kwargs: Any) -> None:
        """Nothing is saved."""

    def close(self, *args: Any) -> None:
        """Nothing was open."""

    def _append(self, kind: str, **content: Any) -> None:
        pass
