"""Files that must be whole whenever a process is killed."""

import os
from pathlib import Path


def replace_text(file: Path, text: str) -> None:
    """Writes a file whole or not at all: whoever reads it finds the old text or the new one."""
    unfinished = file.with_name(f"{file.name}.{os.getpid()}.part")  # two processes may do so at once
    with unfinished.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.replace(file)
