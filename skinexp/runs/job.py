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
        parent: key of the sweep's run in the tracking store, or None.
        parent_run_id: its id there; None as long as the store has not answered.
        command: what was typed; empty where that is this process's command line.
        resumed: whether it goes on with what its directory holds.
    """

    name: str
    overrides: tuple[str, ...]
    directory: Path
    sweep: Path | None = None
    parent: str | None = None
    parent_run_id: str | None = None
    command: str = ""
    resumed: bool = False
