"""Scores for each level of each metadata column, and the gap between the best and the worst level."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.special import ndtri

from skinexp.evaluation.intervals.delong import Components, auc_components
from skinexp.evaluation.intervals.independent_difference import dependent_difference
from skinexp.evaluation.intervals.interval import LEVEL, UNDEFINED, Interval
from skinexp.evaluation.intervals.newcombe import auc_interval
from skinexp.evaluation.intervals.wilson import grouped_wilson
from skinexp.evaluation.tables import groups_of, require_columns

FEWEST = 10  # images of either class, below which a level has no area: its interval would be most of 0..1
MOST_LEVELS = 20  # of a column: a table of more is read by no one, and finds a gap by chance
BANDS = 4  # into which a column of many different numbers is cut, at its quartiles
NOT_METADATA = frozenset(
    {"image_id", "group", "split", "label", "logit", "probability", "sha256", "path", "fold", "position", "youden"}
)
CRITERIA = "abcd_"  # what labels are made of: within a level of that, hardly more than one class is left
TOO_FEW = "too few cases"


@dataclass(frozen=True)
class Subgroups:
    """Scores by level.

    Attributes:
        levels: one row per level: `column`, `level`, `images`, `malignant` (a number of images), then `roc_auc`,
            `recall` (sensitivity) and `specificity`, each with `_low` and `_high`, and `note`.
        gaps: one row per column with two levels or more that have an area: `column`, `best`, `worst` (levels), `gap`
            (in area), `low`, `high`.
    """

    levels: pd.DataFrame
    gaps: pd.DataFrame


def subgroups(predictions: pd.DataFrame, threshold: float, columns: Sequence[str] | None = None) -> Subgroups:
    """Returns scores by level of each metadata column.

    Numbers with more than 10 different values (ages) are cut into four bands at their quartiles. An image without a
    value is of level `unknown`: that it was not written down may be what matters.

    Args:
        predictions: one row per image of one split, columns `label`, `logit`, `probability`, optionally `image_id` and
            `group`, and any metadata.
        threshold: an image is predicted malignant if its probability is at least this.
        columns: which to look at; by default all metadata that can be a subgroup: not one with a single level, nor one
            with more than 20 (an id has almost as many values as there are rows), nor the criteria of a diagnosis,
            named `abcd_...`.

    Returns:
        A `Subgroups`. Areas have Newcombe's interval, shares Wilson's, both with images of one group taken together. A
        level with fewer than 10 images of either class has no area, and a note that says so. The gap is between the
        best and the worst level of a column. Since these two were picked for lying far apart, its interval is widened
        (Bonferroni over all pairs of levels): it covers the gap between these two levels, and where it holds 0 the
        levels need not differ at all. Its limits are from those of both areas (MOVER), which stay in their range with
        few images as well.

    Raises:
        ValueError: if a column is missing.
    """
    require_columns(predictions, ["label", "logit", "probability", *(columns or [])])
    table = predictions.reset_index(drop=True)
    groups = pd.Series(groups_of(table))
    rows, gaps = [], []
    for column in _informative(table) if columns is None else columns:
        levels = _levels(table[column])
        areas: dict[str, float] = {}
        for level in levels.cat.categories:
            part = (levels == level).to_numpy()
            row, area = _row(column, str(level), table[part], groups[part], threshold)
            rows.append(row)
            if not math.isnan(area):
                areas[str(level)] = area
        if len(areas) > 1:
            gaps.append(_gap(column, areas, levels.astype(str), table, groups))
    columns_of_levels = ["column", "level", "images", "malignant"]
    for score in ("roc_auc", "recall", "specificity"):
        columns_of_levels += [score, f"{score}_low", f"{score}_high"]
    return Subgroups(
        pd.DataFrame(rows, columns=[*columns_of_levels, "note"]),
        pd.DataFrame(gaps, columns=["column", "best", "worst", "gap", "low", "high"]),
    )


def _informative(table: pd.DataFrame) -> list[str]:
    found = []
    for column in table.columns:
        if column in NOT_METADATA or column.endswith("_id") or column.startswith(CRITERIA):
            continue
        values = table[column].nunique()
        cut = pd.api.types.is_numeric_dtype(table[column]) and not pd.api.types.is_bool_dtype(table[column])
        # One number per image, all different, is a measurement where it is no whole number, and may be one where it is:
        # ages are. An id as a number has as many values as rows.
        as_id = (
            cut and pd.api.types.is_integer_dtype(table[column]) and values > 0.9 * len(table) and values > MOST_LEVELS
        )
        if (
            (values > 1 or (values == 1 and table[column].isna().any()))
            and not as_id
            and (cut or values <= MOST_LEVELS)
        ):
            found.append(column)
    return found


def _levels(values: pd.Series) -> pd.Series:
    """Returns each row's level, as an ordered category."""
    numbers = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if numbers:
        values = values.replace([math.inf, -math.inf], math.nan)  # no measurement, and no edge of a band
    known = values.dropna()
    if numbers and known.nunique() > 10:
        edges = np.unique(np.quantile(known.astype(float), np.linspace(0, 1, BANDS + 1)))
        names = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
        # A value on an edge belongs to the band above, but for the highest.
        band = np.clip(np.searchsorted(edges, values.astype(float), side="right") - 1, 0, len(names) - 1)
        level = pd.Series([names[place] for place in band], values.index, dtype=object)
    else:
        ordered = isinstance(values.dtype, pd.CategoricalDtype)  # tones of skin have an order of their own
        found = list(values.cat.remove_unused_categories().cat.categories) if ordered else known.unique()
        names = [str(value) for value in (found if ordered else sorted(found, key=lambda one: (str(type(one)), one)))]
        level = values.astype(object).map(str)
    if values.isna().any():
        level = level.where(values.notna(), "unknown")
        names = [*(name for name in names if name != "unknown"), "unknown"]
    return pd.Series(pd.Categorical(level, categories=list(dict.fromkeys(names)), ordered=True), values.index)


def _row(
    column: str, level: str, part: pd.DataFrame, groups: pd.Series, threshold: float
) -> tuple[dict[str, str | int | float], float]:
    labels = part["label"].to_numpy()
    malignant = int(labels.sum())
    enough = min(malignant, len(labels) - malignant) >= FEWEST and bool(np.isfinite(part["logit"]).all())
    area = auc_interval(labels, part["logit"], groups) if enough else UNDEFINED
    row: dict[str, str | int | float] = {"column": column, "level": level, "images": len(part), "malignant": malignant}
    row |= _columns("roc_auc", area)
    probabilities = part["probability"].to_numpy(dtype=float)
    predicted = probabilities >= threshold
    for score, label, correct in (("recall", 1, predicted), ("specificity", 0, ~predicted)):
        of_class = labels == label
        known = not (math.isnan(threshold) or np.isnan(probabilities).any())
        row |= _columns(score, grouped_wilson(correct[of_class], groups[of_class]) if known else UNDEFINED)
    few = min(malignant, len(labels) - malignant) < FEWEST
    return row | {"note": TOO_FEW if few else "" if enough else "logits not finite"}, area.estimate


def _columns(score: str, interval: Interval) -> dict[str, float]:
    return {score: interval.estimate, f"{score}_low": interval.low, f"{score}_high": interval.high}


def _gap(
    column: str, areas: dict[str, float], levels: pd.Series, table: pd.DataFrame, groups: pd.Series
) -> dict[str, str | float]:
    best, worst = max(areas, key=areas.__getitem__), min(areas, key=areas.__getitem__)
    cases = {
        level: (
            table.loc[levels == level, "label"].to_numpy(dtype=np.int64),
            table.loc[levels == level, "logit"].to_numpy(dtype=np.float64),
            groups[levels == level].to_numpy(),
        )
        for level in (best, worst)
    }
    found = {level: auc_components(*of_level) for level, of_level in cases.items()}
    names = {level: np.unique(groups[levels == level].to_numpy()) for level in found}
    covariance = _covariance(found[best][1], found[worst][1], names[best], names[worst])
    errors = [components.error() for _, components in found.values()]
    pairs = len(areas) * (len(areas) - 1) / 2
    quantile = float(ndtri(1 - (1 - LEVEL) / (2 * pairs)))
    limits = [auc_interval(*cases[level], quantile) for level in (best, worst)]
    product = math.prod(errors)  # 0 if no image shows how an area varies
    gap, low, high = dependent_difference(limits[0], limits[1], covariance / product if product > 0 else 0.0)
    return {"column": column, "best": best, "worst": worst, "gap": gap, "low": low, "high": high}


def _covariance(one: Components, other: Components, names_one: np.ndarray, names_other: np.ndarray) -> float:
    """Returns the covariance of the areas of two levels: a patient with lesions in both belongs to both."""
    _, at_one, at_other = np.intersect1d(names_one, names_other, return_indices=True)
    shared = (one.malignant + one.benign)[at_one] * (other.malignant + other.benign)[at_other]
    groups = len(names_one) + len(names_other) - len(at_one)
    if groups < 2:
        return math.nan  # all images of both levels are of one group, which shows no variation
    return groups / (groups - 1) * float(shared.sum())


def levels_by_column(table: pd.DataFrame) -> dict[str, pd.Series]:
    """Returns, for each metadata column that `subgroups` looks at by default, the level of each row.

    Args:
        table: one row per image, with metadata; predictions are not needed.
    """
    rows = table.reset_index(drop=True)
    return {column: _levels(rows[column]) for column in _informative(rows)}
