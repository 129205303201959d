"""What skinexp says of a data set, topic by topic: the same sentences on the terminal, the data card and the page."""

from collections.abc import Sequence

import pandas as pd

from skinexp.core.number_format import counted
from skinexp.data.groups import identity_columns
from skinexp.data.table import CLASS_NAMES, MASK, Table
from skinexp.data.unused import unused_sentence

MOST_CLASSES = 8  # of one label that are named


def table_facts(table: Table) -> dict[str, str]:
    """Returns topic -> sentence: which classes are benign and malignant, masks, unused files, and the pixel range.

    Args:
        table: as its source was read.
    """
    facts = {
        "Labels": _labels(table.frame),
        "Masks": _masks(table.frame),
        "Unused": unused_sentence(table.unused) if table.unused else "",
        "Range": table.pixel_range.sentence if table.pixel_range else "",
    }
    return {topic: sentence for topic, sentence in facts.items() if sentence}


def split_facts(table: Table, leaks: Sequence[str], copies_known: bool) -> dict[str, str]:
    """Returns topic -> sentence: what stays together in a split, and what is on both of its sides nevertheless.

    Args:
        table: with column `split`.
        leaks: sentences of the findings about images on both sides of a split.
        copies_known: whether copies were searched for.
    """
    return {"Groups": _groups(table), "Leakage": ". ".join(leaks) or _no_leak(table.frame, copies_known)}


def _labels(frame: pd.DataFrame) -> str:
    """Names the classes of each label; nothing if they are called as the labels are."""
    if "class" not in frame or set(frame["class"]) <= {*CLASS_NAMES}:
        return ""
    return "; ".join(
        f"{name}: {_counts(frame.loc[frame['label'] == label, 'class'])}"
        for label, name in enumerate(CLASS_NAMES)
        if (frame["label"] == label).any()
    )


def _counts(classes: pd.Series) -> str:
    counts = classes.value_counts()
    named = [f"{name} ({count:,})" for name, count in counts.iloc[:MOST_CLASSES].items()]
    others = counts.iloc[MOST_CLASSES:]
    more = [f"{len(others):,} more classes ({others.sum():,})"] if len(others) else []
    return ", ".join([*named, *more])


def _masks(frame: pd.DataFrame) -> str:
    found = int(frame[MASK].notna().sum()) if MASK in frame else 0
    return f"{found:,} of {counted(len(frame), 'image')} have one, by its name (column {MASK!r})" if found else ""


def _groups(table: Table) -> str:
    frame = table.frame
    sizes = frame["group"].value_counts()
    if len(sizes) == len(frame):
        known = ", ".join(identity_columns(frame.drop(columns="group")))
        ignored = f"data.split.group ignores {known}" if known else "no column identifies lesions or patients"
        return f"each image is a group of its own{f' by {table.grouped_by}' if table.grouped_by else f': {ignored}'}"
    copies = "copies of one photograph" if table.joined_with_copies else ""
    what = " or ".join(part for part in (table.grouped_by, copies) if part) or "the source"
    largest = f"at most {counted(int(sizes.max()), 'image')} in one"
    return f"{counted(len(sizes), 'group')} by {what}, {largest}; each stays in one part of the split"


def _no_leak(frame: pd.DataFrame, copies_known: bool) -> str:
    known = " or ".join(identity_columns(frame.drop(columns="group")))
    checked = [
        *(["no copies of one photograph"] if copies_known else []),
        *([f"no images of one {known}"] if known else []),
    ]
    found = [f"{' and '.join(checked)} are in different parts of the split"] if checked else []
    unchecked = [] if copies_known else ["copies were not searched for (data.audit=off)"]
    return "; ".join(found + unchecked)
