"""Manifests: tables that name image files and their classes, whatever their columns are called."""

import logging
import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from skinexp.config.override_syntax import override
from skinexp.config.schema import Data
from skinexp.core.errors import UserError
from skinexp.data.groups import AUTO, COLUMNS, canonical
from skinexp.data.sources.diagnoses import label_of
from skinexp.data.sources.source import IMAGE_COLUMNS, find_column, image_column
from skinexp.data.sources.text_table import read_text_table

log = logging.getLogger(__name__)

LABEL_COLUMNS = (  # usual names of a column of classes, for the message
    *("label", "class", "diagnosis", "dx", "diagnostic", "diagnosis_1", "benign_malignant", "target", "malignant"),
    *("category", "ground_truth", "disease", "iddx_1", "y"),
)
ID_COLUMN = re.compile(r"(?:^|[^A-Za-z])[iI][dD]$|[a-z]I[dD]$")  # lesion_id, Patient ID, imageId; not: valid
LEAST_LABELLED = 0.9  # share of the rows that have a class, from which columns of 0 and 1 are a one-hot label
FEWEST_CLASSES = 2


def read_manifest(manifest: Path, options: Data) -> pd.DataFrame:
    """Reads a manifest.

    Returns:
        One row per image, with columns `file` and `class`, and the others as they are.

    Raises:
        UserError: if the file is not a text table, lacks a column, or has a row without an image.
    """
    frame = read_text_table(manifest, lambda name: _is_text(name, options))
    column = image_column(frame.columns, options.image_column, manifest)
    label_column = find_column(frame.columns, [options.label_column])
    if label_column is None:
        frame, label_column = _with_one_hot_class(frame, column, options, manifest)
    else:
        _warn_of_other_classes(frame, column, label_column)
    if missing := int(frame[column].isna().sum()):
        raise UserError(f"data.image_column: {missing} rows of {manifest} have no image in column {column!r}")
    frame = frame.assign(**{column: frame[column].astype(str)})
    # Columns that are called `file` or `class` already, and are not meant, are replaced.
    taken = {"file", "class"} - {column, label_column}
    frame = frame.drop(columns=taken, errors="ignore").rename(columns={column: "file", label_column: "class"})
    if canonical(column) == "image_id":
        return frame.assign(image_id=frame["file"])[["image_id", *frame.columns]]
    known = find_column(frame.columns, ["image_id"])
    return frame.rename(columns={known: "image_id"}) if known else frame


def _is_text(name: str, options: Data) -> bool:
    """Returns whether a column holds names: of images, classes, lesions, patients or anything else with an id."""
    words = canonical(name)
    named = [options.image_column or "", options.label_column, options.split.group or AUTO]
    return bool(ID_COLUMN.search(name.strip())) or words in {
        *IMAGE_COLUMNS,
        *sum(COLUMNS.values(), ()),
        *map(canonical, named),
    }


def _with_one_hot_class(frame: pd.DataFrame, image: str, options: Data, manifest: Path) -> tuple[pd.DataFrame, str]:
    """Returns the rows with a column of classes from columns of 0 and 1, and the name of that column.

    Raises:
        UserError: if a label column was asked for, or if no such columns are found.
    """
    groups = _one_hot(frame, image)
    known = [group for group in groups if any(label_of(name) is not None for name in group)] or groups
    if options.label_column != Data.label_column or len(known) != 1:
        proposed = find_column(frame.columns, LABEL_COLUMNS)
        hint = f". Name the one with the class, such as {override('data.label_column', proposed)}" if proposed else ""
        raise UserError(
            f"data.label_column: {manifest} has no column {options.label_column!r}. "
            f"It has: {', '.join(frame.columns)}{hint}"
        )
    columns = known[0]
    log.info("Labels    one class per column: %s", ", ".join(columns))
    one = frame[columns].fillna(0).astype(float)
    classes = one.idxmax(axis=1).where(one.sum(axis=1) == 1)
    return frame.drop(columns=columns).assign(**{options.label_column: classes}), options.label_column


def _warn_of_other_classes(frame: pd.DataFrame, image: str, label_column: str) -> None:
    """Logs that the label column is one of several that hold a class each: all others are one class there."""
    numbers = frame.assign(**{label_column: pd.to_numeric(frame[label_column], errors="coerce")})
    for group in _one_hot(numbers, image):
        if label_column in group:
            others = [name for name in group if name != label_column]
            log.warning("Labels    in column %s, images of %s are one class, 0", label_column, ", ".join(others))


def _one_hot(frame: pd.DataFrame, image: str) -> list[list[str]]:
    """Returns runs of neighbouring columns of which exactly one is 1 in each row, and the others are 0.

    In a few rows all may be 0: their class is missing.
    """
    runs: list[list[str]] = [[]]
    for column in frame.columns:
        values = frame[column].dropna()
        if column != image and len(values) and values.isin([0, 1]).all():
            runs[-1].append(column)
        elif runs[-1]:
            runs.append([])
    return [part for run in runs for part in _exclusive(frame, run)]


def _exclusive(frame: pd.DataFrame, run: list[str]) -> Iterable[list[str]]:
    """Yields the longest parts of a run of columns of 0 and 1 that exclude each other."""
    start = 0
    while start <= len(run) - FEWEST_CLASSES:
        for end in range(len(run), start + FEWEST_CLASSES - 1, -1):
            total = frame[run[start:end]].fillna(0).astype(float).sum(axis=1)
            if total.max() <= 1 and total.mean() >= LEAST_LABELLED:
                yield run[start:end]
                start = end
                break
        else:
            start += 1
