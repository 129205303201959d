"""One job: what a run is called, where its files go, and which sweep it belongs to."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Job:
    """A run's place in the world, as plain values.

    Attributes:
        name: the overrides that tell it from its siblings; of a single run, all its overrides.
        overrides: what the command line changed, as Hydra writes it.
        directory: the run's own.
        sweep: directory of the sweep it belongs to, or None.
        parent: id of the sweep's MLflow run, or None.
    """

    name: str
    overrides: tuple[str, ...]
    directory: Path
    sweep: Path | None = None
    parent: str | None = None
