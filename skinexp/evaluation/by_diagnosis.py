"""Sensitivity by malignant diagnosis and specificity by benign one, if the images have a column of diagnoses."""

import math
import re

import numpy as np
import pandas as pd
from scipy.special import ndtri

from skinexp.evaluation.cases import CLASSES
from skinexp.evaluation.intervals.interval import LEVEL
from skinexp.evaluation.intervals.wilson import grouped_wilson
from skinexp.evaluation.operating_point import predicted_labels
from skinexp.evaluation.tables import groups_of, require_columns

COLUMN = re.compile(r"(?:diagnosis|diagnose|diagnostic|dx|iddx|pathology|histology|histopathology)(?:_(?:full|\d))?")
FEWEST_LEVELS = 3  # two diagnoses are usually the label itself
MOST_LEVELS = 60  # a column of more is free text
FEWEST = 10  # images of a diagnosis from which on it may be named as the worst
SCORES = {1: "recall", 0: "specificity"}
UNKNOWN = "unknown"
DIAGNOSIS_COLUMNS = [
    *("column", "diagnosis", "class", "score", "images", "groups", "estimate", "low", "high"),
    *("adjusted_low", "adjusted_high"),
]


def diagnosis_column(predictions: pd.DataFrame) -> str | None:
    """Returns the column of diagnoses, that with the most of them if there are several; None if there is none.

    Args:
        predictions: one row per image. A column of diagnoses has a usual name (`diagnosis`, `dx`, `diagnosis_3`, ...)
            and 3 to 60 different words.
    """
    counts = {
        name: predictions[name].nunique()
        for name in predictions.columns
        if COLUMN.fullmatch(re.sub(r"[\s\-.]+", "_", str(name).strip().lower()))
        and not pd.api.types.is_numeric_dtype(predictions[name])
    }
    found = {name: count for name, count in counts.items() if FEWEST_LEVELS <= count <= MOST_LEVELS}
    return max(found, key=found.__getitem__) if found else None


def scores_by_diagnosis(test: pd.DataFrame, column: str | None = None) -> pd.DataFrame:
    """Returns the sensitivity among images of each malignant diagnosis, the specificity among those of each benign one.

    A diagnosis with images of both labels has a row for each.

    Args:
        test: one row per image, columns `label` (0/1), `calibrated` (probability), `threshold`, optionally `image_id`
            and `group`, and the column of diagnoses.
        column: the column of diagnoses; by default `diagnosis_column`.

    Returns:
        Malignant diagnoses first, the most frequent ones first: `column`, `diagnosis`, `class`, `score` (`recall` or
        `specificity`), `images`, `groups`, `estimate`, `low`, `high` (95 %, Wilson; images of a group taken together),
        `adjusted_low`, `adjusted_high`. The last two hold for all diagnoses of a class at once (Bonferroni), so for
        the one with the lowest score too, which is picked after the scores are known. NaN without a threshold. No rows
        without a column of diagnoses.

    Raises:
        ValueError: if a column is missing.
    """
    require_columns(test, ["label", "calibrated", "threshold"])
    column = diagnosis_column(test) if column is None else column
    if column is None:
        return pd.DataFrame(columns=DIAGNOSIS_COLUMNS)
    predicted, groups = predicted_labels(test["calibrated"], test["threshold"]), groups_of(test)
    named = test[column].astype(object).where(test[column].notna(), UNKNOWN).map(str).to_numpy(dtype=str)
    labels = test["label"].to_numpy()
    rows = []
    for label, score in SCORES.items():
        frequent = pd.Series(named[labels == label]).value_counts()
        for diagnosis in frequent.index:
            part = (labels == label) & (named == diagnosis)
            limits = _limits(predicted[part] == label, groups[part], not np.isnan(predicted).any(), len(frequent))
            counts = (int(part.sum()), len(np.unique(groups[part])))
            rows.append((column, diagnosis, CLASSES[label], score, *counts, *limits))
    return pd.DataFrame(rows, columns=DIAGNOSIS_COLUMNS)


def _limits(correct: np.ndarray, groups: np.ndarray, is_known: bool, diagnoses: int) -> tuple[float, ...]:
    """Returns a share with its limits, and those that hold for so many diagnoses at once."""
    if not is_known:
        return (math.nan,) * 5
    adjusted = grouped_wilson(correct, groups, float(ndtri(1 - (1 - LEVEL) / (2 * diagnoses))))
    return *grouped_wilson(correct, groups), adjusted.low, adjusted.high


def worst_diagnoses(table: pd.DataFrame) -> pd.DataFrame:
    """Returns the malignant diagnosis with the lowest sensitivity, and the benign one with the lowest specificity.

    Args:
        table: as `scores_by_diagnosis` returns it.

    Returns:
        At most one row a class, with the column `among` more: how many diagnoses the class has, for which the adjusted
        limits hold. It is chosen from those with at least 10 images; a class with fewer than two of them has none.
    """
    found = []
    for score in SCORES.values():
        of_class = table[(table["score"] == score) & table["estimate"].notna()]
        part = of_class[of_class["images"] >= FEWEST]
        if len(part) > 1:
            found.append(part.loc[[part["estimate"].idxmin()]].assign(among=len(of_class)))
    return pd.concat(found) if found else table.iloc[:0].assign(among=0)
