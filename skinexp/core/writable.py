"""Whether files can be written into a directory, found out before there is anything to write."""

import errno
import os
from pathlib import Path


def why_unwritable(directory: Path) -> str:
    """Returns why no file can be written into a directory, as a clause; empty if one can.

    Args:
        directory: the directory; if it is absent, the nearest one above it decides.
    """
    nearest = next(place for place in (directory, *directory.absolute().parents) if os.path.lexists(place))
    if not nearest.exists():
        return f"{nearest} is a link to nothing"
    if not nearest.is_dir():
        return f"{nearest} is a file"
    if os.access(nearest, os.W_OK | os.X_OK):
        return ""
    is_read_only = os.statvfs(nearest).f_flag & os.ST_RDONLY if hasattr(os, "statvfs") else False
    return os.strerror(errno.EROFS if is_read_only else errno.EACCES)
