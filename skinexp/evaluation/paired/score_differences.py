"""How far models differ in each score, with intervals from resamples that all of them share."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skinexp.evaluation.cases import warn_undefined, why_undefined
from skinexp.evaluation.intervals.bootstrap import RESAMPLES, score_limits, tail
from skinexp.evaluation.intervals.monte_carlo import UNDECIDED, excludes_zero, limits_error
from skinexp.evaluation.intervals.resampling import CASE_CONTROL, group_weights
from skinexp.evaluation.metrics.probability_scores import NOISE
from skinexp.evaluation.metrics.weighted_metrics import Scorer, ThresholdScorer
from skinexp.evaluation.paired.alignment import Thresholds, align_by_image_id
from skinexp.evaluation.tables import folds_of, groups_of

COLUMNS = ["a", "b", "score", "estimate_a", "estimate_b", "difference", "low", "high"]
COLUMNS += ["excludes_0", "monte_carlo_error", "resamples"]
LARGEST_ERROR = 0.1  # of a limit by the luck of drawing, as a share of the width of the interval

Replicates = NDArray[np.float64]
Pair = tuple[str, str]


def score_differences(
    tables: Mapping[str, pd.DataFrame],
    thresholds: Thresholds | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    risk_threshold: float | None = None,
    sampling: str = CASE_CONTROL,
    most: int = 0,
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
        most: up to how many resamples are drawn of two models as long as it depends on the seed whether an interval
            excludes 0, or a limit has a Monte Carlo error of a tenth of the interval; 0: no more than `resamples`.

    Returns:
        One row per pair and score: `a`, `b`, `score`, `estimate_a`, `estimate_b`, `difference` (a - b), `low`, `high`,
        `excludes_0` (`yes`, `no`, or `undecided`: more resamples are needed; empty without limits),
        `monte_carlo_error` (the standard error of the limits from drawing resamples), `resamples`. Limits are NaN if no
        resample has another difference than all images: it then shows nothing of how far off that is. A model whose
        predictions cannot be scored is left out, with a warning.

    Raises:
        ValueError: as `compare_pairs`.

    Reference: Davidson & MacKinnon, Econometric Reviews 19 (2000) (resamples until the decision is certain).
    """
    ordered = align_by_image_id(tables, thresholds)
    first = next(iter(ordered.values()))
    labels, groups = first["label"].to_numpy(), groups_of(first)
    scorers = _scorers(ordered, math.nan if risk_threshold is None else risk_threshold)
    left_out = {NOISE} if risk_threshold is not None else {NOISE, "net_benefit"}
    models = _Resampled(
        scorers,
        group_weights(labels, groups, max(resamples, most), seed, folds_of(first), sampling),
        tail(labels, groups),
        frozenset(left_out),
    )
    rows = _settled_differences(models, list(combinations(scorers, 2)), resamples, most)
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=COLUMNS)


class _Resampled:
    """Models that are scored in the same resamples, of which more can be drawn for some of them.

    Args:
        scorers: of the models, by name.
        weights: the resamples, in chunks.
        beyond: share of resamples on either side of an interval.
        left_out: scores that are not compared.
    """

    def __init__(
        self, scorers: Mapping[str, Scorer], weights: Iterator[Replicates], beyond: float, left_out: frozenset[str]
    ) -> None:
        self._scorers, self._weights, self._beyond, self._left_out = scorers, weights, beyond, left_out
        self._drawn = 0
        self._replicates: dict[str, dict[str, list[Replicates]]] = {name: {} for name in scorers}
        self._estimates: dict[str, dict[str, Replicates]] = {}

    def draw(self, wanted: int, names: Collection[str]) -> None:
        """Draws resamples until there are so many, and scores these models in them.

        A model that is left out once cannot be scored in later resamples.
        """
        while self._drawn < wanted and (chunk := next(self._weights, None)) is not None:
            if not self._estimates:
                once = np.ones((1, chunk.shape[1]))
                self._estimates = {name: scorer(once) for name, scorer in self._scorers.items()}
            for name in names:
                for score, values in self._scorers[name](chunk).items():
                    self._replicates[name].setdefault(score, []).append(values)
            self._drawn += len(chunk)

    def differences(self, pair: Pair) -> pd.DataFrame:
        """Returns the rows of two models that are scored in all resamples."""
        of_a, of_b = (self._replicates[name] for name in pair)
        rows = []
        for score in sorted(of_a.keys() & of_b.keys() - self._left_out):
            estimates = [float(self._estimates[name][score][0]) for name in pair]
            difference = estimates[0] - estimates[1]
            values = np.concatenate(of_a[score]) - np.concatenate(of_b[score])
            low, high = score_limits(difference, values, self._beyond)
            decision = "" if math.isnan(low) or math.isnan(high) else excludes_zero(values, self._beyond)
            error = limits_error(values, self._beyond) if decision else math.nan
            rows.append((*pair, score, *estimates, difference, low, high, decision, error, len(values)))
        return pd.DataFrame(rows, columns=COLUMNS)


def _settled_differences(models: _Resampled, pairs: Sequence[Pair], resamples: int, most: int) -> list[pd.DataFrame]:
    """Returns the rows of each pair, from twice as many resamples as long as these do not settle it."""
    found: dict[Pair, pd.DataFrame] = {}
    open_pairs, wanted = pairs, resamples
    while open_pairs:
        models.draw(wanted, {name for pair in open_pairs for name in pair})
        found |= {pair: models.differences(pair) for pair in open_pairs}
        open_pairs = [pair for pair in open_pairs if wanted < most and not _is_settled(found[pair])]
        wanted = min(2 * wanted, most)
    return [found[pair] for pair in pairs]


def _is_settled(rows: pd.DataFrame) -> bool:
    """Returns whether another seed would decide all scores alike, with limits that are nearly the same."""
    is_certain = rows["excludes_0"] != UNDECIDED
    is_precise = rows["monte_carlo_error"].isna() | (
        rows["monte_carlo_error"] < LARGEST_ERROR * (rows["high"] - rows["low"])
    )
    return bool((is_certain & is_precise).all())


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
