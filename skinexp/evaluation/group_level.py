"""Scores of lesions and patients instead of images, if they have several images."""

import re

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit

from skinexp.evaluation.cases import why_undefined
from skinexp.evaluation.intervals.interval import UNDEFINED, Interval
from skinexp.evaluation.intervals.newcombe import auc_interval
from skinexp.evaluation.intervals.wilson import grouped_wilson
from skinexp.evaluation.metrics.probability_scores import CLOSEST
from skinexp.evaluation.tables import groups_of, require_columns

UNIT = re.compile(  # names of columns that identify lesions and patients
    r"(?:lesion|patient|subject|participant|person|individual|case)(?:_?(?:id|no|num|number|name))?|pid"
)
KINDS = 10  # a column of fewer values, each of more images in the mean, names kinds and no lesions
GROUP = "group"
ANY_IMAGE, MEAN_LOGIT = "any image", "mean logit"
UNIT_COLUMNS = ["unit", "rule", "score", "units", "malignant", "images", "estimate", "low", "high", "method"]


def scores_by_unit(test: pd.DataFrame) -> pd.DataFrame:
    """Returns ROC-AUC, sensitivity and specificity of whole lesions, patients or groups of the split.

    A unit is malignant if one of its images is. It is predicted malignant by one of two rules: *any image*, if the
    highest calibrated probability of its images is at least the threshold, or *mean logit*, if the mean of their
    calibrated log odds is.

    Args:
        test: one row per image, columns `label` (0/1), `calibrated` (probability), `threshold` (NaN if there is none),
            optionally `image_id`, `group`, and columns such as `lesion_id` or `patient_id`.

    Returns:
        One row per kind of unit, rule and score: `unit` (the column), `rule`, `score`, `units` and `malignant` (numbers
        of units), `images`, `estimate`, `low`, `high` (95 %; ROC-AUC: Newcombe; others: Wilson; lesions of one group
        are taken together), `method`. No rows if no unit has several images. Images whose unit is unknown are units of
        their own.

    Raises:
        ValueError: if a column is missing.
    """
    require_columns(test, ["label", "calibrated", "threshold"])
    rows: list[tuple[object, ...]] = []
    seen: list[NDArray[np.int64]] = []
    for column in _unit_columns(test):
        named = test if column == GROUP else test.drop(columns=GROUP, errors="ignore").rename(columns={column: GROUP})
        names = groups_of(named)
        codes = pd.factorize(names)[0].astype(np.int64)
        if codes.size and codes.max() + 1 < len(test) and not any(np.array_equal(codes, other) for other in seen):
            seen.append(codes)
            rows += _rows(str(column), codes, test)
    return pd.DataFrame(rows, columns=UNIT_COLUMNS)


def _unit_columns(test: pd.DataFrame) -> list[str]:
    """Returns the columns that identify lesions and patients, and the groups of the split last."""
    named = []
    for column in test.columns:
        name = re.sub(r"[\s\-.]+", "_", str(column).strip().lower())
        if UNIT.fullmatch(name) and (name.endswith("id") or not _names_kinds(test[column])):
            named.append(column)
    return [*named, *([GROUP] if GROUP in test else [])]


def _names_kinds(values: pd.Series) -> bool:
    """Returns whether a column, such as a column `lesion` of diagnoses, has few values of many images each."""
    return values.nunique() < KINDS and values.notna().sum() > KINDS * values.nunique()


def _rows(column: str, codes: NDArray[np.int64], test: pd.DataFrame) -> list[tuple[object, ...]]:
    odds = logit(test["calibrated"].to_numpy(dtype=float).clip(CLOSEST, 1 - CLOSEST))
    images = pd.DataFrame(
        {
            "label": test["label"].to_numpy(),
            "odds": odds,
            "least": logit(test["threshold"].to_numpy(dtype=float).clip(CLOSEST, 1 - CLOSEST)),
            "hit": np.where(test["calibrated"] >= test["threshold"], 1.0, 0.0),
            "never": (test["threshold"] > 1).to_numpy(),
            "group": groups_of(test),
        }
    )
    units = images.groupby(codes)
    labels, clusters = units["label"].max().to_numpy(), units["group"].first().to_numpy(dtype=str)
    if units["group"].nunique().max() > 1:
        clusters = np.unique(codes).astype(str)  # a unit of several groups holds them together
    mean = units["odds"].mean().to_numpy()
    highest = units["odds"].max().to_numpy()
    has_threshold = not (test["threshold"].isna().any() or np.isnan(odds).any())
    # Images with thresholds of their own are of several folds: a unit in two of them has the mean of both thresholds.
    above_mean = (mean >= units["least"].mean().to_numpy()) & ~units["never"].any().to_numpy()
    rules = {ANY_IMAGE: (highest, units["hit"].max().to_numpy() > 0), MEAN_LOGIT: (mean, above_mean)}
    counts = (len(labels), int(labels.sum()), len(test))
    rows: list[tuple[object, ...]] = []
    for rule, (score, predicted) in rules.items():
        area = auc_interval(labels, score, clusters) if why_undefined(labels, score) is None else UNDEFINED
        rows.append((column, rule, "roc_auc", *counts, *area, "Newcombe"))
        for name, label in (("recall", 1), ("specificity", 0)):
            share = _share(labels == label, predicted == label, clusters) if has_threshold else UNDEFINED
            rows.append((column, rule, name, *counts, *share, "Wilson"))
    return rows


def _share(of_class: NDArray[np.bool_], correct: NDArray[np.bool_], clusters: NDArray[np.str_]) -> Interval:
    return grouped_wilson(correct[of_class], clusters[of_class])
