"""Every pair of models on the same test images: their differences, with intervals and tests."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from skinexp.evaluation.cases import warn_undefined, why_undefined
from skinexp.evaluation.intervals.bootstrap import RESAMPLES
from skinexp.evaluation.intervals.delong import auc_components
from skinexp.evaluation.intervals.resampling import validated_groups
from skinexp.evaluation.paired.alignment import Thresholds, align_by_image_id
from skinexp.evaluation.paired.area_test import UNTESTED, ScoredModel, paired_areas
from skinexp.evaluation.paired.holm import holm
from skinexp.evaluation.paired.mcnemar import McNemar, mcnemar_of_correct
from skinexp.evaluation.paired.score_differences import COLUMNS, score_differences
from skinexp.evaluation.tables import folds_of, groups_of

PAIR_COLUMNS = ["a", "b", "auc_a", "auc_b", "difference", "low", "high", "p_value", "p_holm", "test", "only_a_right"]
PAIR_COLUMNS += ["only_b_right", "mcnemar_p_value", "mcnemar_p_holm", "mcnemar_exact"]


@dataclass(frozen=True)
class PairedComparison:
    """All pairs of models.

    Attributes:
        pairs: one row per pair: `a`, `b`, `auc_a`, `auc_b`, `difference`, `low`, `high`, `p_value`, `p_holm`,
            `test` (of the p-value: see `PairedAuc`), `only_a_right`, `only_b_right`, `mcnemar_p_value`,
            `mcnemar_p_holm`, `mcnemar_exact`.
        differences: one row per pair and score, from `score_differences`.
    """

    pairs: pd.DataFrame
    differences: pd.DataFrame


def compare_pairs(
    tables: Mapping[str, pd.DataFrame],
    thresholds: Thresholds | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> PairedComparison:
    """Compares every pair of models that were tested on the same images.

    Both tests and the resamples take images of one group together. Differences are a - b. Holm's correction runs over
    all pairs, apart for the areas and for the predicted labels: each family has one question.

    Args:
        tables: name of a model -> its predictions of the test split, columns `image_id`, `label`, `logit`,
            `probability` and, where images come in groups, `group`. Rows may be in any order.
        thresholds: name -> from which probability on this model predicts an image malignant: a number, or one for each
            row of its table; 0.5 without.
        resamples: of groups, for the differences of scores; 0 leaves these out, and with them almost all of the time.
        seed: the same seed gives the same numbers.

    Returns:
        A `PairedComparison`. What a model with a probability that is not finite takes part in is NaN, with a warning.

    Raises:
        ValueError: if fewer than two models are given, a column is missing, an image appears twice, or two test
            sets differ: the message names both and the digests of their images and labels.
    """
    ordered = align_by_image_id(tables, thresholds)
    first = next(iter(ordered.values()))
    labels, group_of_image, group_count = validated_groups(first["label"], groups_of(first))
    areas = {name: _area(name, labels, table, group_of_image) for name, table in ordered.items()}
    correct = {name: _correct(table) for name, table in ordered.items()}
    pairs = []
    for a, b in combinations(ordered, 2):
        area, area_test = UNTESTED
        if (area_a := areas[a]) and (area_b := areas[b]):
            area, area_test = paired_areas(labels, area_a, area_b, group_of_image)
        test = None
        if (correct_a := correct[a]) is not None and (correct_b := correct[b]) is not None:
            test = mcnemar_of_correct(correct_a, correct_b, group_of_image, group_count)
        pairs.append({"a": a, "b": b, "test": area_test, **area._asdict(), **_of_labels(test)})
    table = pd.DataFrame(pairs)
    table = table.assign(p_holm=holm(table["p_value"]), mcnemar_p_holm=holm(table["mcnemar_p_value"]))[PAIR_COLUMNS]
    differences = score_differences(tables, thresholds, resamples, seed) if resamples else pd.DataFrame(columns=COLUMNS)
    return PairedComparison(table, differences)


def _of_labels(test: McNemar | None) -> dict[str, Any]:
    """Returns the entries of a pair about its predicted labels; missing without a test."""
    return {
        "only_a_right": test.only_a_right if test else math.nan,
        "only_b_right": test.only_b_right if test else math.nan,
        "mcnemar_p_value": test.p_value if test else math.nan,
        "mcnemar_exact": test.exact if test else None,
    }


def _area(name: str, labels: np.ndarray, table: pd.DataFrame, group_of_image: np.ndarray) -> ScoredModel | None:
    logits = table["logit"].to_numpy(dtype=float)
    folds = folds_of(table)
    reason = why_undefined(labels, logits)
    for fold in () if folds is None else np.unique(folds):
        reason = reason or why_undefined(labels[folds == fold], logits[folds == fold])
    if reason is None:
        return ScoredModel(logits, *auc_components(labels, logits, group_of_image, folds), folds)
    warn_undefined(f"DeLong's test of {name}", reason)
    return None


def _correct(table: pd.DataFrame) -> np.ndarray | None:
    """Returns which images are predicted correctly; None if that is unknown, or there are none."""
    decisions = table[["probability", "threshold"]].to_numpy(dtype=float)
    # NaN compares as "benign", which the model did not predict.
    if np.isnan(decisions).any() or not len(decisions):
        return None
    return (decisions[:, 0] >= decisions[:, 1]) == (table["label"].to_numpy() == 1)
