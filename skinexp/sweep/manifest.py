"""sweep.json: what a sweep was asked to do and what became of each job. Jobs read it, whichever process runs them."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FILE = "sweep.json"


@dataclass
class Manifest:
    """The state of a sweep.

    Attributes:
        status: running, finished, failed (a job failed) or killed.
        overrides: the command's overrides, as typed.
        varied: keys of those that have several values.
        tracking: options of the tracking room.
        parent: id of the sweep's MLflow run, or None where there is none.
        jobs: for each job its directory, name, overrides, status and run id.
    """

    status: str
    overrides: list[str]
    varied: list[str]
    tracking: dict[str, Any]
    command: str = ""
    parent: str | None = None
    jobs: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def load(cls, directory: Path) -> "Manifest":
        """Reads a sweep's manifest."""
        return cls(**json.loads((directory / FILE).read_text()))

    def save(self, directory: Path) -> None:
        """Writes the manifest whole or not at all."""
        unfinished = directory / f"{FILE}.part"
        unfinished.write_text(json.dumps(asdict(self), indent=2) + "\n")
        unfinished.replace(directory / FILE)
