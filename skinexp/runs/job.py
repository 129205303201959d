"""One job of a command: its name, its directory, and the sweep that it belongs to."""

from dataclasses import dataclass
from pathlib import Path

from skinexp.core.python_command import skinexp_command
from skinexp.core.run_files import SWEEP
from skinexp.core.terminal import from_here


@dataclass(frozen=True)
class Job:
    """One job of a command, as plain values.

    Attributes:
        name: the overrides that distinguish it from the other jobs of its sweep; of a single run, all its overrides.
        overrides: changes of the configuration on the command line, as Hydra writes them.
        directory: the run's own.
        sweep: directory of the sweep it belongs to, or None.
        parent: key of the sweep's run in the tracking store, or None.
        parent_run_id: id of the sweep's run there; None until the store has replied.
        command: as typed; empty if it is the command line of this process.
        resumed: whether it continues the run in its directory.
    """

    name: str
    overrides: tuple[str, ...]
    directory: Path
    sweep: Path | None = None
    parent: str | None = None
    parent_run_id: str | None = None
    command: str = ""
    resumed: bool = False


def resume_command(directory: Path) -> str:
    """Returns the command that repeats what a run lacks; of a sweep's job, that of the sweep.

    Args:
        directory: of the run.
    """
    is_job = (directory.parent / SWEEP).is_file()
    place = from_here(directory.parent if is_job else directory)
    return skinexp_command("train", *(["-m"] if is_job else []), f"resume={place}")
