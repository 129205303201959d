"""The files of a directory, and file names that can be printed and written on any system."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
LINKED = "a link to a directory, which is not followed"


def printable(name: str) -> str:
    r"""Returns the name with bytes that are not UTF-8 as `\xff`, so that any file and terminal accepts it."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def is_image_name(name: str) -> bool:
    """Returns whether a file has the suffix of an image."""
    return Path(name).suffix.lower() in IMAGE_SUFFIXES


def everything(directory: Path) -> Iterator[tuple[str, str | None]]:
    """Yields each file below a directory, sorted, by its relative path; with a reason if it cannot be opened.

    A class folder may be a link; links to directories further down are not followed, so that no loop is walked.
    """
    yield from _below(directory, directory, follow=True)


def _below(base: Path, directory: Path, follow: bool) -> Iterator[tuple[str, str | None]]:
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError as error:
        yield os.path.relpath(directory, base), error.strerror or str(error)
        return
    for entry in entries:
        name = os.path.relpath(entry.path, base)
        if not _is_directory(entry):
            yield name, None
        elif entry.is_symlink() and not follow:
            yield name, LINKED
        else:
            yield from _below(base, Path(entry.path), follow=False)


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links: reading it reports that
        return False


def why_no_file(path: Path) -> str | None:
    """Returns the reason why a path is not a regular file; None if it is one.

    Raises:
        OSError: if it does not exist or may not be accessed.
    """
    try:
        kind = os.stat(path).st_mode
    except ValueError as error:  # a name with a zero byte, which no system knows
        raise OSError(str(error)) from error
    if stat.S_ISREG(kind):
        return None
    return "a directory, not a file" if stat.S_ISDIR(kind) else "not a regular file"
