"""The directory of a set: `data.path`, or the folder in it that an archive has put around the set."""

import logging
import os
from collections.abc import Iterable
from pathlib import Path

from skinexp.config.override_syntax import override
from skinexp.config.schema import Data
from skinexp.core.errors import UserError
from skinexp.data.sources.diagnoses import label_of
from skinexp.data.sources.listing import is_image_name, is_mask_name
from skinexp.data.sources.source import PARTS, part_name

log = logging.getLogger(__name__)

BESIDE = ("__macosx",)  # folders, in lower case, that an archive has besides the set
TABLES = (".csv", ".tsv")


def set_directory(options: Data) -> Path:
    """Returns the directory that holds the manifest or the folders of classes.

    It is `data.path`; or, if there is nothing else in it than one folder, the directory in which that holds the set.
    """
    directory = Path(str(options.path))
    while (inner := _only_folder(directory, options)) is not None:
        log.info("Images    are in %s, the only folder in %s", inner, directory)
        directory = inner
    return directory


def refuse_unread_table(directory: Path, classes: Iterable[str], options: Data) -> None:
    """Checks folders that were taken for classes: if none has the name of one, a table may hold the classes.

    Raises:
        UserError: if there is a table; with what to type.
    """
    names = list(dict.fromkeys(classes))
    tables = sorted(name for name in os.listdir(directory) if Path(name).suffix.lower() in TABLES)
    given = {name.casefold() for name in (*options.labels, *options.exclude)}
    if tables and not any(name.casefold() in given or label_of(name) is not None for name in names):
        hints = " or ".join(override("data.manifest", table) for table in tables[:5])
        raise UserError(
            f"data.manifest: {directory} has no {options.manifest}, and no folder in it is known to be a class "
            f"({', '.join(names[:5])}). Name the table that lists the images: {hints}"
        )


def _only_folder(directory: Path, options: Data) -> Path | None:
    """Returns the folder around a set if there is nothing else; None if the set may be in the directory itself."""
    folders, has_images = _content(directory)
    if (directory / options.manifest).is_file() or has_images or len(folders) != 1:
        return None
    given = {name.casefold() for name in (*options.labels, *options.exclude)}
    if part_name(folders[0]) in PARTS.values() or folders[0].casefold() in given or is_mask_name(folders[0]):
        return None
    inner = directory / folders[0]
    inner_folders, inner_images = _content(inner)
    holds_set = (inner / options.manifest).is_file() or (inner_folders and not inner_images)
    return inner if holds_set else None


def _content(directory: Path) -> tuple[list[str], bool]:
    """Returns the names of the folders in a directory, and whether there are images in it."""
    try:
        entries = [entry for entry in os.scandir(directory) if not entry.name.startswith(".")]
        folders = [entry.name for entry in entries if entry.is_dir() and entry.name.lower() not in BESIDE]
    except OSError:  # the listing reports it
        return [], False
    return folders, any(is_image_name(entry.name) for entry in entries)
