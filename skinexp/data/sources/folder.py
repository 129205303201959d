"""The source `folder`: images in a directory, listed by a CSV manifest or by one sub-folder per class."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from skinexp.config.schema import Data
from skinexp.core.errors import UserError
from skinexp.data.image_readers import FileReader
from skinexp.data.sources.licence import licence_file
from skinexp.data.sources.listing import everything, is_image_name, printable, why_no_file
from skinexp.data.sources.manifest import read_manifest
from skinexp.data.sources.set_directory import refuse_unread_table, set_directory
from skinexp.data.sources.source import PARTS, Listing, Source, part_name
from skinexp.data.table import GIVEN_SPLIT


class FolderSource(Source):
    """Images in the directory `data.path`."""

    name: ClassVar[str] = "folder"

    def list_images(self, options: Data, seed: int) -> Listing:
        """Lists the rows of `data.manifest` if there is such a file, or else the images in folders of classes."""
        directory = set_directory(options)
        manifest = directory / options.manifest
        if manifest.is_file():
            rows = read_manifest(manifest, options)
        else:
            rows = list_class_folders(directory)
            refuse_unread_table(directory, rows["class"], options)
        files = _with_suffixes(rows["file"], directory)
        frame = rows.drop(columns="file").assign(
            path=[printable(str(directory / file)) for file in files],
            # Checksums of the files as they are; those in a manifest may be of an earlier state.
            sha256=[_sha256_of_file(directory / file) for file in files],
            position=np.arange(len(rows)),
        )
        if "image_id" not in frame:
            frame.insert(0, "image_id", _ids(files))
        return Listing(directory.resolve().name, frame, FileReader(directory, files), licence_file(directory))


def list_class_folders(directory: Path) -> pd.DataFrame:
    """Lists the images in folders of classes, which may be in folders train, val and test.

    Returns:
        One row per image, with columns `file`, `class`, and `given_split` if there are folders of parts.

    Raises:
        UserError: if there is no image in a folder of a class.
    """
    files = [Path(file) for file, _ in everything(directory) if is_image_name(file) and len(Path(file).parts) > 1]
    is_split = all(part_name(file.parts[0]) in PARTS.values() for file in files)
    files = [file for file in files if len(file.parts) > 1 + is_split]
    if not files:
        raise UserError(
            f"data.path: {directory} holds neither a manifest.csv nor one sub-folder of images per class "
            f"({directory.name}/benign/*.jpg, {directory.name}/malignant/*.jpg; or {directory.name}/train/benign/*.jpg)"
        )
    # As objects: pandas' own strings refuse names that are not UTF-8.
    names = pd.Series([str(file) for file in files], dtype=object)
    frame = pd.DataFrame({"file": names, "class": [printable(file.parts[int(is_split)]) for file in files]})
    return frame.assign(**{GIVEN_SPLIT: [part_name(file.parts[0]) for file in files]}) if is_split else frame


def _with_suffixes(names: pd.Series, directory: Path) -> tuple[str, ...]:
    """Returns file names; if no name in a manifest has an image's suffix (as in HAM10000's own), the files it means."""
    if any(is_image_name(name) for name in names):
        return tuple(names)
    files = {Path(file).stem: file for file, _ in everything(directory) if is_image_name(file)}
    return tuple(files.get(name, name) for name in names)


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


def _sha256_of_file(file: Path) -> str:
    try:
        if reason := why_no_file(file):
            return f"unreadable: {reason}"
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        return f"unreadable: {error.strerror or error}"  # the preparation reports the file, by path
