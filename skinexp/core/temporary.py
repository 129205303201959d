"""Temporary directories that end with the process; those of a process that was killed end with the next one's first."""

import atexit
import os
import re
import shutil
import tempfile
from pathlib import Path

import psutil

NAME = re.compile(r"skinexp-(\d+)-\w+")  # with the process that made the directory


def temporary_directory() -> Path:
    """Makes a directory that is removed when this process ends, and removes those that killed processes left."""
    _remove_abandoned(Path(tempfile.gettempdir()))
    directory = tempfile.mkdtemp(prefix=f"skinexp-{os.getpid()}-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return Path(directory)


def _remove_abandoned(place: Path) -> None:
    for directory in place.glob("skinexp-*-*"):
        made_by = NAME.fullmatch(directory.name)
        if made_by and not directory.is_symlink() and not psutil.pid_exists(int(made_by[1])):
            shutil.rmtree(directory, ignore_errors=True)  # a stranger's cannot be removed, and stays


def is_temporary(path: Path) -> bool:
    """Returns whether a path lies in a directory that `temporary_directory` made, and will be removed."""
    return any(NAME.fullmatch(part) for part in path.parts)
