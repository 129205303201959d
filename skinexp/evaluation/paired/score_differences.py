"""How far models differ in each score, with intervals from resamples that all of them share."""

import math
from collections.abc import Iterable, Mapping
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skinexp.evaluation.cases import warn_undefined, why_undefined
from skinexp.evaluation.intervals.bootstrap import RESAMPLES, score_limits, tail
from skinexp.evaluation.intervals.resampling import CASE_CONTROL, group_weights
from skinexp.evaluation.metrics.probability_scores import NOISE
from skinexp.evaluation.metrics.weighted_metrics import Scorer, ThresholdScorer
from skinexp.evaluation.paired.alignment import Thresholds, align_by_image_id
from skinexp.evaluation.tables import folds_of, groups_of

COLUMNS = ["a", "b", "score", "estimate_a", "estimate_b", "difference", "low", "high"]
Replicates = NDArray[np.float64]


def score_differences(
    tables: Mapping[str, pd.DataFrame],
    thresholds: Thresholds | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    risk_threshold: float | None = None,
    sampling: str = CASE_CONTROL,
) -> pd.DataFrame:
    """Returns the paired cluster bootstrap of every score, for every pair of models.

    Resamples are drawn once, and each model is scored once in each of them: a pair is the difference of two models'
    scores in the same resamples. So n models take the time of n bootstraps.

    Args:
        tables: as `compare_pairs`.
        thresholds: likewise.
        resamples: of groups.
        seed: the same seed gives the same numbers.
        risk_threshold: the risk from which on a lesion should be excised, whose odds are the price of a false positive
            in the net benefit of all models. Without one, each has a price of its own, and none is compared.
        sampling: `case_control` or `cohort`: see `group_weights`.

    Returns:
        One row per pair and score: `a`, `b`, `score`, `estimate_a`, `estimate_b`, `difference` (a - b), `low`, `high`.
        Limits are NaN if no resample has another difference than all images: it then shows nothing of how far off
        that is. A model whose predictions cannot be scored is left out, with a warning.

    Raises:
        ValueError: as `compare_pairs`.
    """
    ordered = align_by_image_id(tables, thresholds)
    first = next(iter(ordered.values()))
    labels, groups = first["label"].to_numpy(), groups_of(first)
    scorers = _scorers(ordered, math.nan if risk_threshold is None else risk_threshold)
    once = np.ones((1, len(labels)))
    estimates = {name: scorer(once) for name, scorer in scorers.items()}
    weights = group_weights(labels, groups, resamples, seed, folds_of(first), sampling)
    replicates = _replicates(scorers, weights) if scorers else {}
    beyond = tail(labels, groups)
    left_out = {"net_benefit"} if risk_threshold is None else set()
    rows = []
    for a, b in combinations(scorers, 2):
        for score in sorted(replicates[a].keys() & replicates[b].keys() - left_out):
            of_a, of_b = (float(estimates[name][score][0]) for name in (a, b))
            found = score_limits(of_a - of_b, replicates[a][score] - replicates[b][score], beyond)
            rows.append((a, b, score, of_a, of_b, of_a - of_b, *found))
    return pd.DataFrame(rows, columns=COLUMNS)


def _scorers(tables: Mapping[str, pd.DataFrame], risk_threshold: float) -> dict[str, Scorer]:
    """Returns the scorers by model, without models whose predictions cannot be scored."""
    scorers = {}
    for name, table in tables.items():
        labels = table["label"].to_numpy()
        reason = why_undefined(labels, table["logit"]) or why_undefined(labels, table["probability"])
        if reason is None:
            at_threshold = ThresholdScorer(labels, table["probability"], table["threshold"], risk_threshold)
            scorers[name] = Scorer(labels, table["logit"], table["probability"], {"": at_threshold}, folds_of(table))
        else:
            warn_undefined(f"every difference from {name}", reason)
    return scorers


def _replicates(
    scorers: Mapping[str, Scorer], resamples: Iterable[NDArray[np.float64]]
) -> dict[str, dict[str, Replicates]]:
    """Returns each score of each model in each resample."""
    chunks = [{name: scorer(weights) for name, scorer in scorers.items()} for weights in resamples]
    return {
        name: {score: np.concatenate([chunk[name][score] for chunk in chunks]) for score in scores if score != NOISE}
        for name, scores in chunks[0].items()
    }
