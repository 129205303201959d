"""Which files a directory of class folders holds, and names that can be printed and written anywhere."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
LINKED = "a link to a directory, which is not followed"


def printable(name: str) -> str:
    r"""The name; bytes in it that are no UTF-8 are written as `\xff`, so that any file and terminal takes it."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def is_image_name(name: str) -> bool:
    """Whether a file's name says that it is a picture."""
    return Path(name).suffix.lower() in IMAGE_SUFFIXES


def everything(directory: Path) -> Iterator[tuple[str, str | None]]:
    """Each file below a directory, sorted, by its path from there; with a reason where it cannot be looked into.

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
    except OSError:  # a loop of links: whoever reads it is told so
        return False


def why_no_file(path: Path) -> str | None:
    """Why a path is no file that can be read to its end; None where it is one.

    Raises:
        OSError: where there is nothing, or nothing that may be looked at.
    """
    try:
        kind = os.stat(path).st_mode
    except ValueError as error:  # a name with a zero byte, which no system knows
        raise OSError(str(error)) from error
    if stat.S_ISREG(kind):
        return None
    return "a directory, not a file" if stat.S_ISDIR(kind) else "not a regular file"
