"""The source `folder`: images in a directory, listed by a CSV manifest or by one sub-folder per class."""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from skinexp.config.schema import Data
from skinexp.core.errors import UserError
from skinexp.data.image_readers import UNREADABLE, CheckedReader, FileReader
from skinexp.data.preparation.pixel_range import is_deep
from skinexp.data.sources import licence
from skinexp.data.sources.licence import licence_file
from skinexp.data.sources.listing import everything, printable, why_no_file, why_no_photograph
from skinexp.data.sources.manifest_files import find_files
from skinexp.data.sources.manifest_table import read_manifest
from skinexp.data.sources.masks import masks_of
from skinexp.data.sources.set_directory import refuse_unread_table, set_directory
from skinexp.data.sources.source import PARTS, Listing, Source, part_name
from skinexp.data.table import GIVEN_SPLIT, MASK
from skinexp.data.unused import UnusedFile, counts_by_reason

IN_NO_ROW, IN_NO_CLASS = "not in the manifest", "in no class folder"


class FolderSource(Source):
    """Images in the directory `data.path`."""

    name: ClassVar[str] = "folder"

    def list_images(self, options: Data, seed: int) -> Listing:
        """Lists the rows of `data.manifest` if there is such a file, or else the images in folders of classes."""
        directory = set_directory(options)
        manifest = directory / options.manifest
        below = dict(everything(directory))
        if manifest.is_file():
            rows, reason = read_manifest(manifest, options), IN_NO_ROW
            files = find_files(rows["file"], directory, manifest, tuple(below))
        else:
            rows, reason = list_class_folders(directory, tuple(below)), IN_NO_CLASS
            refuse_unread_table(directory, rows["class"], options)
            files = tuple(rows["file"])
        inspected = [_inspect(directory / file) for file in files]
        frame = rows.drop(columns="file").assign(
            path=[printable(str(directory / file)) for file in files],
            # Checksums of the files as they are; those in a manifest may be of an earlier state.
            sha256=[sha256 for sha256, _ in inspected],
            position=np.arange(len(rows)),
        )
        if any(masks := masks_of(files, {*below}.difference(files))):
            paths = [mask and printable(str(directory / mask)) for mask in masks]
            frame = frame.assign(**{MASK: np.array(paths, dtype=object)})
        listed = tuple(zip(frame["sha256"], frame["path"], strict=True))
        if "image_id" not in frame:
            frame.insert(0, "image_id", _ids(files))
        return Listing(
            directory.resolve().name,
            frame,
            CheckedReader(FileReader(directory, files), listed),
            licence_file(directory),
            deep=tuple(position for position, (_, deep) in enumerate(inspected) if deep),
            unused=_unused(directory, below, {*files, options.manifest}, reason),
        )


def _unused(
    directory: Path, below: Mapping[str, str | None], used: Iterable[str], reason: str
) -> tuple[UnusedFile, ...]:
    """Returns the files that are no image of the table; the reason is that of files whose name allows an image."""
    known = {os.path.relpath(directory / file, directory) for file in used} | set(licence.FILES)
    return tuple(
        UnusedFile(printable(str(directory / file)), unreadable or why_no_photograph(file) or reason)
        for file, unreadable in below.items()
        if file not in known
    )


def list_class_folders(directory: Path, below: Sequence[str]) -> pd.DataFrame:
    """Lists the images in folders of classes, which may be in folders train, val and test.

    Args:
        directory: that holds the folders.
        below: all files below it, by relative path.

    Returns:
        One row per image, with columns `file`, `class`, and `given_split` if there are folders of parts.

    Raises:
        UserError: if there is no image in a folder of a class.
    """
    files = [Path(file) for file in below if why_no_photograph(file) is None and len(Path(file).parts) > 1]
    is_split = all(part_name(file.parts[0]) in PARTS.values() for file in files)
    files = [file for file in files if len(file.parts) > 1 + is_split]
    if not files:
        raise UserError(
            f"data.path: {directory} holds neither a manifest.csv nor one sub-folder of images per class "
            f"({directory.name}/benign/*.jpg, {directory.name}/malignant/*.jpg; or {directory.name}/train/benign/*.jpg)"
            f"{_found_instead(directory, below)}"
        )
    # As objects: pandas' own strings refuse names that are not UTF-8.
    names = pd.Series([str(file) for file in files], dtype=object)
    frame = pd.DataFrame({"file": names, "class": [printable(file.parts[int(is_split)]) for file in files]})
    return frame.assign(**{GIVEN_SPLIT: [part_name(file.parts[0]) for file in files]}) if is_split else frame


def _found_instead(directory: Path, below: Sequence[str]) -> str:
    counts = counts_by_reason(_unused(directory, dict.fromkeys(below), (), IN_NO_CLASS))
    found = ", ".join(f"{reason} ({count:,})" for reason, count in counts.items())
    return f". It holds: {found}" if found else ""


def _ids(files: Sequence[str]) -> list[str]:
    """Returns file names without their suffix, or with it if two names were equal otherwise; repeated ones numbered."""
    names = [printable(file) for file in files]
    short = {name: os.path.splitext(Path(name))[0] for name in names}
    return unique_names([short[name] for name in names] if len(set(short.values())) == len(short) else names)


def unique_names(names: Sequence[str]) -> list[str]:
    """Returns the names, each repetition with a number that makes no other name: `a`, `a (2)`, `a (3)`."""
    given, used, unique = set(names), set(), []
    for name in names:
        new, number = name, 1
        while new in used or (number > 1 and new in given):
            number += 1
            new = f"{name} ({number})"
        used.add(new)
        unique.append(new)
    return unique


def _inspect(file: Path) -> tuple[str, bool]:
    """Returns the checksum of a file, and whether it stores more than 8 bits a channel."""
    try:
        if reason := why_no_file(file):
            return f"{UNREADABLE}{reason}", False
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest(), is_deep(stream)
    except OSError as error:
        return f"{UNREADABLE}{error.strerror or error}", False  # the preparation reports the file, by path
