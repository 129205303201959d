"""Checks that there are enough cases of each class, and of each level of the metadata."""

import pandas as pd

from skinexp.data.audit.confounds import MOST_LEVELS
from skinexp.data.audit.finding import NOTE, WARNING, Finding
from skinexp.data.table import CLASS_NAMES, metadata_columns

FEWEST_GROUPS = 30  # of a class: with 15 % in test, four or five lesions decide its score
FEWEST_IMAGES = 10  # of a class within a level, below which it has no score of its own


def findings(frame: pd.DataFrame, groups: pd.Series) -> list[Finding]:
    """Returns the classes and the levels of the metadata that have too few cases.

    Args:
        frame: one row per image: label, and metadata.
        groups: (images,) lesions or patients, or the images themselves.
    """
    found = []
    for label, name in enumerate(CLASS_NAMES):
        count = groups[(frame["label"] == label).to_numpy()].nunique()
        if count < FEWEST_GROUPS:
            sentence = (
                f"Only {count} lesions or patients are {name}: scores on a test part of them are very "
                f"uncertain. Use cross-validation (data.split.folds), or more cases"
            )
            found.append(Finding("few_cases", WARNING, count, sentence))
    rows = [row for column in metadata_columns(frame) for row in _few(frame, column)]
    if rows:
        table = pd.DataFrame(rows, columns=["column", "level", *CLASS_NAMES])
        sentence = (
            f"{len(rows)} levels of {', '.join(table['column'].unique())} have fewer than {FEWEST_IMAGES} images of a "
            f"class: scores within these levels are not defined or very uncertain"
        )
        found.append(Finding("few_of_a_level", NOTE, len(rows), sentence, table))
    return found


def _few(frame: pd.DataFrame, column: str) -> list[tuple[str, str, int, int]]:
    values = frame[column]
    if pd.api.types.is_float_dtype(values) or not 2 <= values.nunique() <= MOST_LEVELS:
        return []
    counts = pd.crosstab(values.astype(str).to_numpy(), frame["label"].to_numpy()).reindex(columns=[0, 1], fill_value=0)
    if (counts.min(axis=1) == 0).all():  # a finer class
        return []
    few = counts[counts.min(axis=1) < FEWEST_IMAGES]
    return [(column, str(level), int(benign), int(malignant)) for level, benign, malignant in few.itertuples()]
