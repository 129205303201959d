"""From the classes of a source to labels: 0 (benign) and 1 (malignant)."""

import logging
import re
from collections.abc import Collection, Iterable

import numpy as np
import pandas as pd

from skinexp.config.schema import Data
from skinexp.core.errors import UserError
from skinexp.data.groups import canonical
from skinexp.data.sources.label_hint import unknown_classes
from skinexp.data.table import CLASS_NAMES

log = logging.getLogger(__name__)

UNLABELLED = "unlabelled"  # the class of an image whose label is missing
MISSING = ("", "nan", "na", "n/a", "<na>", "null", "#n/a")  # text of a missing label, in lower case
MALIGNANCY = (  # columns whose 1 or True is malignant
    *("malignant", "is_malignant", "malignancy", "target", "melanoma", "is_melanoma", "cancer", "is_cancer"),
)
YES_OR_NO = {"0": 0, "1": 1, "false": 0, "true": 1}  # the values of such a column, in lower case
WHOLE = re.compile(r"\d+(\.0*)?")


def with_labels(frame: pd.DataFrame, options: Data, one_class: bool) -> tuple[pd.DataFrame, dict[str, int]]:
    """Maps classes to labels. A class that differs from a name in the options by upper case or blanks has that name.

    Args:
        frame: one row per image, with column `class`.
        options: `labels` maps classes to 0 and 1; images of the classes `exclude` are left out.
        one_class: whether images of a single class are enough.

    Returns:
        The rows of the images with a label, with column `label`, and `class` as the options name it; and the number of
        images of each excluded class.

    Raises:
        UserError: if a class is neither labelled nor excluded, or if a label has no image.
    """
    given = {*options.labels, *options.exclude}
    classes = class_names(frame["class"], given)
    counts = classes.value_counts()
    labels_of = options.labels | _yes_or_no(counts.index, given, options.label_column)
    excluded = {name: int(counts[name]) for name in options.exclude if name in counts}
    unknown = {
        name: int(counts[name]) for name in counts.index if name not in labels_of and name not in options.exclude
    }
    if unknown:
        raise unknown_classes(unknown, counts.index, options, UNLABELLED)
    labels = classes.map(labels_of)
    labelled = labels.notna().to_numpy()
    frame = frame[labelled].assign(**{"class": classes[labelled], "label": labels[labelled].astype(np.int64)})
    if one_class and frame.empty:
        raise UserError(f"data.labels: no image has a label. Left out: {', '.join(excluded) or 'none'}")
    for label in (0, 1):
        if not one_class and not (frame["label"] == label).any():
            names = [name for name, value in labels_of.items() if value == label]
            found = ", ".join(f"{name} ({count})" for name, count in counts.items())
            raise UserError(
                f"data.labels: no image has label {label} (class {' or '.join(names)}). The images have: {found}"
            )
    return frame, excluded


def class_names(values: pd.Series, given: Collection[str]) -> pd.Series:
    """Returns the class of each image as text.

    Whole numbers that are written as 1.0 are 1, and a missing label is the class `unlabelled`.

    Args:
        values: (images,) as the source has them.
        given: names of classes in the options, which are taken as they are.
    """
    names = values.map(_class_name).map(lambda name: UNLABELLED if _is_missing(name, given) else name)
    present = names[names != UNLABELLED]
    if present.str.fullmatch(WHOLE).all() and present.str.contains(".", regex=False).any():
        names = names.where(names == UNLABELLED, present.str.partition(".")[0])
    folded: dict[str, set[str]] = {}
    for name in given:
        folded.setdefault(name.strip().casefold(), set()).add(name)
    return names.map({name: _as_given(name, given, folded) for name in names.unique()})


def _as_given(name: str, given: Collection[str], folded: dict[str, set[str]]) -> str:
    """Returns the name in the options that a class has: the same, or the only one that differs by upper case alone."""
    alike = folded.get(name.casefold(), set())
    return name if name in given or len(alike) != 1 else next(iter(alike))


def _is_missing(name: str, given: Collection[str]) -> bool:
    return name not in given and name.casefold() in MISSING


def _class_name(value: object) -> str:
    if value is None or value is pd.NA or value != value:  # NaN differs from itself
        return UNLABELLED
    if isinstance(value, float) and value.is_integer():  # pandas stores whole numbers so if one of them is missing
        return str(int(value))
    return str(value).strip()


def _yes_or_no(names: Iterable[str], given: Collection[str], column: str) -> dict[str, int]:
    """Returns the labels of 0 and 1, or of True and False, in a column that says by its name what they mean."""
    found = {name: YES_OR_NO.get(name.lower()) for name in names if name != UNLABELLED}
    if canonical(column) not in MALIGNANCY or None in found.values() or any(name in given for name in found):
        return {}
    labels = {name: label for name, label in found.items() if label is not None}
    log.info("Labels    column %s: %s", column, ", ".join(f"{name} is {CLASS_NAMES[n]}" for name, n in labels.items()))
    return labels
