"""sweep.json: the command of a sweep and the state of each job; jobs in any process read it."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from skinexp.core import run_files
from skinexp.core.atomic_files import replace_text


@dataclass
class Manifest:
    """The state of a sweep.

    Attributes:
        status: running, finished, failed (a job failed) or killed.
        overrides: the command's overrides, as typed.
        varied: keys that have several values, in the command or in its recipe.
        tracking: options of the tracking room.
        settings: the command's overrides of Hydra itself, its launcher among them.
        place: the working directory, which relative paths start from.
        lives: number of attempts: 1, and one more each time that the sweep was resumed.
        parent: id of the sweep's MLflow run; None until the store has replied.
        key: of the sweep's run, which names it before the store has given it an id.
        jobs: for each job its directory, name, overrides, status and run id.
    """

    status: str
    overrides: list[str]
    varied: list[str]
    tracking: dict[str, Any]
    settings: list[str] = field(default_factory=list)
    place: str = ""
    command: str = ""
    lives: int = 1
    parent: str | None = None
    key: str | None = None
    jobs: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def load(cls, directory: Path) -> "Manifest":
        """Reads a sweep's manifest."""
        return cls(**json.loads((directory / run_files.SWEEP).read_text()))

    def save(self, directory: Path) -> None:
        """Writes the manifest whole or not at all."""
        replace_text(directory / run_files.SWEEP, json.dumps(asdict(self), indent=2) + "\n")
