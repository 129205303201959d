"""The import path of a command: installed packages, not what happens to lie in the working directory."""

import os
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def without_working_directory(path: Sequence[str], command: Sequence[str], package: Path = PACKAGE) -> list[str]:
    """Returns the import path without the directory that `python -m skinexp.NAME` puts first.

    That is the working directory, where a folder of images called `datasets`, or a script `keras.py`, would be imported
    in place of the package of that name. If skinexp itself is imported from there, as in a checkout that is not
    installed, the directory goes to the end.

    Args:
        path: as `sys.path`.
        command: words of the command line, as `sys.orig_argv`.
        package: the directory of skinexp.

    Returns:
        The path; as it is if another command imports skinexp, or Python leaves the directory out by itself.
    """
    modules = [following for word, following in pairwise(command) if word == "-m"]
    if not modules or modules[0].partition(".")[0] != package.name or not path:
        return list(path)
    first, *others = path
    if not _is(first, Path.cwd()):
        return list(path)
    return [*others, first] if _is(first, package.parent) else others


def fix_import_path() -> None:
    """Replaces the relative entries of `sys.path` by what they are now, so that a change of directory imports nothing.

    The empty entry, which `python -c` puts first, would otherwise follow to the new working directory. The entry of an
    installation that is edited in place is a name and no path.
    """
    sys.path[:] = [entry if entry.startswith("__editable__") else os.path.abspath(entry) for entry in sys.path]


def _is(entry: str, directory: Path) -> bool:
    try:
        return os.path.samefile(entry or os.curdir, directory)
    except OSError:
        return False
