"""Files of a directory that no row of the table names, each with the reason."""

from pathlib import Path

import pandas as pd

from skinexp.config.schema import Data
from skinexp.data.audit.finding import NOTE, Finding
from skinexp.data.image_readers import FileReader
from skinexp.data.leaky_copies import CopyingReader
from skinexp.data.sources.listing import everything, is_image_name, printable
from skinexp.data.sources.set_directory import set_directory
from skinexp.data.table import Table


def unused_files(table: Table, options: Data) -> Finding | None:
    """Returns the files below `data.path` that are not used; None for other sources, and if all are used."""
    reader = table.reader.reader if isinstance(table.reader, CopyingReader) else table.reader
    if not isinstance(reader, FileReader) or isinstance(reader.files, dict):
        return None
    directory = set_directory(options)
    has_manifest = (directory / options.manifest).is_file()
    used = {str(Path(str(file))) for file in reader.files}
    rows = []
    for file, unreadable in everything(directory):
        if file in used or (has_manifest and not unreadable and not is_image_name(file)):
            continue  # beside a manifest there may be anything
        rows.append((printable(str(directory / file)), unreadable or _why(file, has_manifest)))
    if not rows:
        return None
    count = f"{len(rows):,} files are" if len(rows) > 1 else "One file is"
    sentence = f"{count} below data.path and not used: check whether any of them should be"
    return Finding("left_aside", NOTE, len(rows), sentence, pd.DataFrame(rows, columns=["path", "reason"]))


def _why(file: str, has_manifest: bool) -> str:
    if has_manifest:
        return "not in the manifest"
    if len(Path(file).parts) == 1 or is_image_name(file):
        return "in no class folder"
    return "its name does not end as an image's does"
