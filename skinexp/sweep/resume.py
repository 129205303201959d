"""Resuming a run or a sweep: `resume=DIRECTORY` stands for the command that created the directory.

The directory may come from a stranger: of its record, `skinexp.sweep.recorded_words` says what is repeated.
"""

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from skinexp.config.override_syntax import value_text
from skinexp.core import run_files
from skinexp.core.credentials import hidden
from skinexp.core.errors import UserError
from skinexp.core.import_path import fix_import_path
from skinexp.core.links import refuse_links_out_of
from skinexp.core.python_command import skinexp_command
from skinexp.core.terminal import from_here
from skinexp.sweep.manifest import Manifest

ARGUMENT = re.compile(r"\+*resume=(?P<directory>.*)")
ALLOWED = re.compile(r"(-m|--multirun|hydra/launcher=.*|\+*hydra\.launcher\..*)$")  # how, not what
LAUNCHER = re.compile(r"\+*hydra[/.]launcher\b")


@dataclass(frozen=True)
class Record:
    """A recorded command.

    Attributes:
        file: with the record.
        cwd: the working directory, which relative paths start from.
        words: overrides of the experiment and of Hydra.
        flags: of the command that repeats it.
        where: overrides that name the resumed directory.
    """

    file: Path
    cwd: str
    words: list[Any]
    flags: tuple[str, ...]
    where: tuple[str, ...]


def read_arguments() -> Path | None:
    """Replaces `resume=DIRECTORY` in `sys.argv` by the original command, and changes to its working directory.

    Returns:
        The directory; None if the command begins anew.

    Raises:
        UserError: if there is no run or sweep in the directory, if the command has other arguments as well, or if the
            record holds what is not repeated.
    """
    named = [match["directory"] for word in sys.argv[1:] if (match := ARGUMENT.fullmatch(word))]
    if not named or named[-1] in ("", "null"):
        return None
    others = [word for word in sys.argv[1:] if not ARGUMENT.fullmatch(word)]
    if foreign := [word for word in others if not ALLOWED.match(word)]:
        raise UserError(
            "resume: continues the experiment with its own configuration; only hydra/launcher and hydra.launcher.* can "
            f"be changed. Received: {hidden(' '.join(foreign))}"
        )
    asked = Path(named[-1].strip("'\"")).resolve()
    from skinexp.sweep.recorded_words import repeated  # later than --help: it brings Hydra's parser

    record = _of_sweep(asked) if (asked / run_files.SWEEP).is_file() else _of_run(asked)
    refuse_links_out_of(asked, "resume")
    how = [word for word in others if LAUNCHER.match(word)]
    words = [word for word in record.words if not (how and LAUNCHER.match(str(word)))]
    sys.argv[1:] = [*record.flags, *repeated(words, record.file), *record.where, *how]
    if os.path.isabs(record.cwd) and Path(record.cwd).is_dir():
        fix_import_path()  # nothing is imported from where the record leads
        os.chdir(record.cwd)
    return asked


def _of_sweep(directory: Path) -> Record:
    """Returns the command that created a sweep."""
    file = directory / run_files.SWEEP
    sweep = Manifest.load(directory)
    place = f"hydra.sweep.dir={value_text(str(directory))}"
    return Record(file, sweep.place, [*sweep.overrides, *sweep.settings], ("-m",), (place,))


def _of_run(directory: Path) -> Record:
    """Returns the command that created a single run."""
    if (directory.parent / run_files.SWEEP).is_file():
        raise UserError(f"resume: {directory} is a run of a sweep. Resume the sweep: resume={directory.parent}")
    saved = directory / run_files.HYDRA  # Hydra writes its overrides last: without them, others may be half a file
    if not (saved / "overrides.yaml").is_file():
        raise UserError(f"resume: no run or sweep of skinexp is in this directory. Received: {directory}")
    file = saved / "hydra.yaml"
    try:
        settings = yaml.safe_load(file.read_text(encoding="utf-8"))["hydra"]
        command = settings.get("job", {}).get("config_name", "config")
        words = [*settings["overrides"]["task"], *settings["overrides"]["hydra"]]
        cwd = str(settings.get("runtime", {}).get("cwd", ""))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise UserError(
            f"resume: {file} is damaged, so that the command of the run is not known. Train it again in another "
            "directory"
        ) from error
    if command != "config":
        raise UserError(
            f"resume: {directory} holds the results of python -m skinexp.{command}, which always begins anew"
        )
    where = (
        "hydra.mode=RUN",  # also where its recipe asks for a sweep
        f"hydra.run.dir={value_text(str(directory))}",
        "hydra.output_subdir=null",  # what is read here is not written again: a kill in its middle would lose it
    )
    return Record(file, cwd, words, (), where)


def advice(place: Path | None) -> str:
    """Returns the message of a stopped command: how to resume it."""
    if place is None:
        return "Stopped."
    multirun = ["-m"] if (place / run_files.SWEEP).is_file() else []
    return f"Stopped. To resume: {skinexp_command('train', *multirun, f'resume={from_here(place)}')}"
