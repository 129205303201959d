"""Links that lead out of a directory: what is written or sent through them is a file of somewhere else.

A directory that a stranger sent may hold links to files of the user, and pipes on which a command would wait for ever.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from skinexp.core.errors import UserError


def leads_out_of(path: Path, directory: Path) -> bool:
    """Returns whether a path, with all links followed, is not in a directory."""
    return not path.resolve().is_relative_to(directory.resolve())


def links_out_of(place: Path, directory: Path) -> Iterator[Path]:
    """Yields the links below a place, at any depth, that lead out of a directory.

    Args:
        place: the directory, or a folder in it.
        directory: the directory.
    """
    for parent, folders, files in os.walk(place):
        for name in (*folders, *files):
            path = Path(parent, name)
            if path.is_symlink() and leads_out_of(path, directory):
                yield path


def refuse_links_out_of(directory: Path, key: str) -> None:
    """Refuses a directory that is written into if a link in it leads elsewhere, or it holds a pipe or a device.

    Args:
        directory: the directory.
        key: option that names it, for the message.

    Raises:
        UserError: if there is such a link, pipe or device.
    """
    for link in links_out_of(directory, directory):
        raise UserError(
            f"{key}: {link} is a link that leads out of the directory, to {link.resolve()}, which would be changed in "
            "its place. Remove the link, or put the file itself there"
        )
    for special in _special_files(directory):
        raise UserError(f"{key}: {special} is neither a file nor a folder, but a pipe or a device. Remove it")


def _special_files(directory: Path) -> Iterator[Path]:
    for parent, _, files in os.walk(directory):
        for name in files:
            path = Path(parent, name)
            with suppress(FileNotFoundError):  # a run that is at work replaces its files
                mode = path.lstat().st_mode
                if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
                    yield path
