"""Files that are written atomically, and tables."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def replace_text(file: Path, text: str) -> None:
    """Writes a file whole or not at all: a reader finds the old text or the new one."""
    unfinished = file.with_name(f"{file.name}.{os.getpid()}.part")  # two processes may do so at once
    try:
        with unfinished.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(file)
    except OSError:
        unfinished.unlink(missing_ok=True)  # on a full disk, what else is to be written needs the room
        raise


def remove_any(path: Path) -> None:
    """Removes the file, link or directory of a name, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_tables(tables: "Mapping[str, pd.DataFrame]", directory: Path) -> None:
    """Writes each table as NAME.csv, without its index."""
    directory.mkdir(exist_ok=True)
    for name, table in tables.items():
        table.to_csv(directory / f"{name}.csv", index=False)
