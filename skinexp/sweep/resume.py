"""Resuming a run or a sweep: `resume=DIRECTORY` stands for the command that created the directory."""

import os
import re
import sys
from pathlib import Path

import yaml

from skinexp.config.override_syntax import value_text
from skinexp.core import run_files
from skinexp.core.errors import UserError
from skinexp.core.python_command import skinexp_command
from skinexp.core.terminal import from_here
from skinexp.sweep.manifest import Manifest

ARGUMENT = re.compile(r"\+*resume=(?P<directory>.*)")
ALLOWED = re.compile(r"(-m|--multirun|hydra/launcher=.*|\+*hydra\.launcher\..*)$")  # how, not what
LAUNCHER = re.compile(r"\+*hydra[/.]launcher\b")


def read_arguments() -> Path | None:
    """Replaces `resume=DIRECTORY` in `sys.argv` by the original command, and changes to its working directory.

    Returns:
        The directory; None if the command begins anew.

    Raises:
        UserError: if there is no run or sweep in the directory, or the command has other arguments as well.
    """
    named = [match["directory"] for word in sys.argv[1:] if (match := ARGUMENT.fullmatch(word))]
    if not named or named[-1] in ("", "null"):
        return None
    others = [word for word in sys.argv[1:] if not ARGUMENT.fullmatch(word)]
    if foreign := [word for word in others if not ALLOWED.match(word)]:
        raise UserError(
            "resume: continues the experiment with its own configuration; only hydra/launcher and hydra.launcher.* can "
            f"be changed. Received: {' '.join(foreign)}"
        )
    asked = Path(named[-1].strip("'\"")).resolve()
    cwd, original = _of_sweep(asked) if (asked / run_files.SWEEP).is_file() else _of_run(asked)
    how = [word for word in others if LAUNCHER.match(word)]
    kept = [word for word in original if not (how and LAUNCHER.match(word))]
    sys.argv[1:] = [*kept, *how]
    if Path(cwd).is_dir():
        os.chdir(cwd)  # where relative paths of the original command start
    return asked


def _of_sweep(directory: Path) -> tuple[str, list[str]]:
    """Returns the working directory and the arguments of the command that created a sweep."""
    sweep = Manifest.load(directory)
    kept = [word for word in sweep.settings if not re.match(r"\+*hydra\.(sweep\.dir|mode)\b", word)]
    return sweep.place, ["-m", *sweep.overrides, *kept, f"hydra.sweep.dir={value_text(str(directory))}"]


def _of_run(directory: Path) -> tuple[str, list[str]]:
    if (directory.parent / run_files.SWEEP).is_file():
        raise UserError(f"resume: {directory} is a run of a sweep. Resume the sweep: resume={directory.parent}")
    saved = directory / ".hydra"  # Hydra writes its overrides last: without them, what came before may be half a file
    if not (saved / "overrides.yaml").is_file():
        raise UserError(f"resume: no run or sweep of skinexp is in this directory. Received: {directory}")
    settings = yaml.safe_load((saved / "hydra.yaml").read_text())["hydra"]
    if (command := settings.get("job", {}).get("config_name", "config")) != "config":
        raise UserError(
            f"resume: {directory} holds the results of python -m skinexp.{command}, which always begins anew"
        )
    kept = [word for word in settings["overrides"]["hydra"] if not re.match(r"\+*hydra\.(run\.dir|mode)\b", word)]
    place = ("hydra.mode=RUN", f"hydra.run.dir={value_text(str(directory))}")  # also where its recipe asks for a sweep
    untouched = "hydra.output_subdir=null"  # what is read here is not written again: a kill in its middle would lose it
    return settings["runtime"]["cwd"], [*settings["overrides"]["task"], *kept, *place, untouched]


def advice(place: Path | None) -> str:
    """Returns the message of a stopped command: how to resume it."""
    if place is None:
        return "Stopped."
    multirun = ["-m"] if (place / run_files.SWEEP).is_file() else []
    return f"Stopped. To resume: {skinexp_command('train', *multirun, f'resume={from_here(place)}')}"
