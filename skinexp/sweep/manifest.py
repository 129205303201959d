"""sweep.json: the command of a sweep and the state of each job; jobs in any process read it."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from skinexp.core import run_files
from skinexp.core.atomic_files import replace_text
from skinexp.core.errors import UserError
from skinexp.core.python_command import skinexp_command
from skinexp.core.strict_json import read_json
from skinexp.core.terminal import from_here
from skinexp.runs.json_fields import from_json, unusable_fields

NEEDED = "overrides"  # without which it is not known what the sweep runs
DEFAULTS: dict[str, Any] = {"status": "interrupted", "varied": [], "tracking": {}}  # of what else cannot be read


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
        """Reads a sweep's manifest, of another version too: a key more is ignored, one that is damaged has its default.

        Raises:
            FileNotFoundError: if there is none.
            UserError: if it cannot be read, or does not say what the sweep runs.
        """
        try:
            values = read_json(directory / run_files.SWEEP)
        except FileNotFoundError:
            raise
        except (OSError, ValueError) as error:
            raise _damaged(directory, str(error)) from error
        left_out = unusable_fields(cls, values)
        usable = {name: value for name, value in values.items() if name not in left_out and value is not None}
        if NEEDED not in usable:
            raise _damaged(directory, f"the key {NEEDED} is missing, or not a list of words")
        return from_json(cls, DEFAULTS | usable)

    def save(self, directory: Path) -> None:
        """Writes the manifest whole or not at all."""
        replace_text(directory / run_files.SWEEP, json.dumps(asdict(self), indent=2) + "\n")


def _damaged(directory: Path, reason: str) -> UserError:
    compare = skinexp_command("compare", str(from_here(directory)))
    file = from_here(directory / run_files.SWEEP)
    return UserError(
        f"{file} is damaged: {reason}. So the sweep cannot be resumed. What its jobs left is whole: to compare them, "
        f"{compare}. To run the rest, repeat the command of the sweep in another directory"
    )
