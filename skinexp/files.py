"""Files that must be whole whenever a process is killed, and disks that are full."""

import errno
import os
from pathlib import Path

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # how systems say that a disk, or a person's share of it, is full


def replace_text(file: Path, text: str) -> None:
    """Writes a file whole or not at all: whoever reads it finds the old text or the new one."""
    unfinished = file.with_name(f"{file.name}.{os.getpid()}.part")  # two processes may do so at once
    with unfinished.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.replace(file)
