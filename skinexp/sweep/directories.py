"""The directory of a command that Hydra runs: chosen and locked before Hydra or a job writes into it."""

import copy
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf.errors import OmegaConfBaseException

from skinexp.config.override_syntax import value_text
from skinexp.core import run_files
from skinexp.core.errors import UserError
from skinexp.core.invocation import Invocation
from skinexp.core.terminal import from_here
from skinexp.runs import ownership
from skinexp.sweep.early_checks import hydra_of

TO_THE_SECOND = re.compile(r"\$\{now:[^}]*%[-_]?[SsTXcf]")  # a directory that is named by the time is a new one


def take(config: DictConfig, mode: str, command: Invocation) -> Path:
    """Locks the directory of a run or sweep for this command, and writes into the configuration where it is.

    Hydra changes into no directory of a job: relative paths of all options start in the working directory.

    Args:
        config: the configuration that Hydra composed; its `hydra.<mode>.dir` and `hydra.job.chdir` are set.
        mode: `run` or `sweep`.
        command: holds the lock until it ends.

    Returns:
        The directory, absolute.

    Raises:
        UserError: if the directory is used, or another process works in it; nothing in it is changed then.
    """
    key = f"hydra.{mode}.dir"
    directory = Path(str(OmegaConf.select(config, key))).resolve()
    pattern = str(OmegaConf.to_container(config.hydra[mode], resolve=False)["dir"])  # type: ignore[call-overload, index]
    if directory == command.resumed:
        lock = ownership.lock_directory(directory, "resume")
    elif TO_THE_SECOND.search(pattern):
        directory, lock = ownership.take_new_directory(directory, key)
    else:
        _refuse_part_of_sweep(directory, key)
        lock = ownership.take_directory(directory, key, bool(config.overwrite), is_sweep=mode == "sweep")
    command.held.append(lock)
    settle(config, mode, directory)
    return directory


def settle(config: DictConfig, mode: str, directory: Path) -> None:
    """Writes the directory of a command into Hydra's configuration, and into the overrides that its jobs repeat."""
    fixed = {f"hydra.{mode}.dir": value_text(str(directory)), "hydra.job.chdir": "false"}
    with flag_override(config.hydra, ["readonly", "struct"], [False, False]):
        config.hydra[mode].dir = str(directory)
        config.hydra.job.chdir = False
        if mode == "sweep":
            kept = [word for word in config.hydra.overrides.hydra if word.lstrip("+").partition("=")[0] not in fixed]
            config.hydra.overrides.hydra = kept + [f"{key}={value}" for key, value in fixed.items()]


def directory_of(config: DictConfig) -> Path:
    """Returns the output directory of a job of a sweep."""
    with hydra_of(config):  # sub-directories may be named by what a job overrides
        return Path(str(config.hydra.sweep.dir), str(config.hydra.sweep.subdir)).resolve()


def refuse_jobs_outside(config: DictConfig) -> None:
    """Refuses a sweep whose first job would write elsewhere than into its directory, whichever launcher runs the jobs.

    Args:
        config: that Hydra composed for the sweep, without the overrides of single jobs.

    Raises:
        UserError: with the directory.
    """
    first = copy.deepcopy(config)
    with flag_override(first.hydra, ["readonly", "struct"], [False, False]), suppress(OmegaConfBaseException):
        first.hydra.job.num, first.hydra.job.id = 0, "0"
        sweep, directory = Path(str(first.hydra.sweep.dir)), directory_of(first)
        if directory != sweep.resolve():  # a name made of a job's overrides is empty here
            refuse_outside([directory], sweep)


def refuse_outside(jobs: Sequence[Path], sweep: Path) -> None:
    """Refuses jobs that would write elsewhere than into the sweep's directory, where nothing would find them.

    Raises:
        UserError: with the directory of the first such job.
    """
    for directory in jobs:
        if sweep.resolve() not in directory.parents:
            raise UserError(
                f"hydra.sweep.subdir: leads to {directory}, out of the directory of the sweep. Give a name within it, "
                "such as hydra.sweep.subdir='${hydra.job.num}'"
            )


def _refuse_part_of_sweep(directory: Path, key: str) -> None:
    if (directory.parent / run_files.SWEEP).is_file():
        raise UserError(
            f"{key}: {from_here(directory)} is in the directory of a sweep, which would count it as one of its jobs. "
            "Name a directory elsewhere"
        )
