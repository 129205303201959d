"""Every pair of models on the same test images: by how much they differ, and whether that is chance."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from skinexp.evaluation.bootstrap import RESAMPLES, limits, tail
from skinexp.evaluation.cases import warn_undefined, why_undefined
from skinexp.evaluation.delong import delong_test
from skinexp.evaluation.holm import holm
from skinexp.evaluation.mcnemar import mcnemar
from skinexp.evaluation.probability_scores import NOISE
from skinexp.evaluation.resampling import group_weights
from skinexp.evaluation.scorer import Scorer
from skinexp.evaluation.tables import groups_of, require_columns

PAIR_COLUMNS = ["a", "b", "auc_a", "auc_b", "difference", "low", "high", "p_value", "p_holm", "only_a_right"]
PAIR_COLUMNS += ["only_b_right", "mcnemar_p_value", "mcnemar_p_holm", "mcnemar_exact"]


@dataclass(frozen=True)
class PairedComparison:
    """All pairs of models.

    Attributes:
        pairs: a row a pair: `a`, `b`, `auc_a`, `auc_b`, `difference`, `low`, `high`, `p_value` (DeLong), `p_holm`,
            `only_a_right`, `only_b_right`, `mcnemar_p_value`, `mcnemar_p_holm`, `mcnemar_exact`.
        differences: a row a pair and score: `a`, `b`, `score`, `estimate_a`, `estimate_b`, `difference`, `low`,
            `high`, from the same resamples for all models.
    """

    pairs: pd.DataFrame
    differences: pd.DataFrame


def compare_pairs(
    tables: Mapping[str, pd.DataFrame],
    thresholds: Mapping[str, float] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> PairedComparison:
    """Compares every pair of models that were tested on the same images.

    Both tests and the resamples take images of one group together. Differences are a - b. Holm's correction runs over
    all pairs, apart for the areas and for the calls: each table answers one question.

    Args:
        tables: name of a model -> its predictions of the test split, columns `image_id`, `label`, `logit`,
            `probability` and, where images come in groups, `group`. Rows may be in any order.
        thresholds: name -> from which probability on this model calls an image malignant; 0.5 without.
        resamples: of groups, for the differences of scores; 0 leaves these out, and with them almost all of the time.
        seed: the same seed gives the same numbers.

    Returns:
        A `PairedComparison`. What a model with a probability that is not finite takes part in is NaN, with a warning.

    Raises:
        ValueError: where fewer than two models are given, a column is missing, an image appears twice, or two test
            sets differ: the message names both and the digests of their images and labels.
    """
    if len(tables) < 2:
        raise ValueError(f"models: two at least can be compared. Received: {', '.join(tables) or 'none'}")
    ordered = {name: _in_order(name, table) for name, table in tables.items()}
    _refuse_different(ordered)
    first = next(iter(ordered.values()))
    labels, groups = first["label"].to_numpy(), groups_of(first)
    at = {name: (thresholds or {}).get(name, 0.5) for name in tables}
    scores: dict[str, dict[str, np.ndarray]] = {name: {} for name in ordered}
    estimates: dict[str, dict[str, float]] = {}
    if resamples:
        scores, estimates = _resampled(ordered, at, groups, resamples, seed)
    pairs, differences, beyond = [], [], tail(labels, groups)
    for a, b in combinations(ordered, 2):
        area = delong_test(labels, ordered[a]["logit"], ordered[b]["logit"], groups)
        calls = [_calls(ordered[name], at[name]) for name in (a, b)]
        right = None if calls[0] is None or calls[1] is None else mcnemar(labels, calls[0], calls[1], groups)
        pairs.append(
            {"a": a, "b": b, "auc_a": area.auc_a, "auc_b": area.auc_b, "difference": area.difference}
            | {"low": area.low, "high": area.high, "p_value": area.p_value}
            | {"only_a_right": right.only_a_right if right else math.nan}
            | {"only_b_right": right.only_b_right if right else math.nan}
            | {"mcnemar_p_value": right.p_value if right else math.nan}
            | {"mcnemar_exact": right.exact if right else None}
        )
        for score in scores[a].keys() & scores[b].keys():
            low, high = limits(scores[a][score] - scores[b][score], beyond)
            of_a, of_b = estimates[a][score], estimates[b][score]
            differences.append((a, b, score, of_a, of_b, of_a - of_b, float(low), float(high)))
    table = pd.DataFrame(pairs)
    table = table.assign(p_holm=holm(table["p_value"]), mcnemar_p_holm=holm(table["mcnemar_p_value"]))[PAIR_COLUMNS]
    columns = ["a", "b", "score", "estimate_a", "estimate_b", "difference", "low", "high"]
    listed = pd.DataFrame(differences, columns=columns)
    return PairedComparison(table, listed.sort_values(["a", "b", "score"], ignore_index=True))


def digest_of_test_set(table: pd.DataFrame) -> str:
    """16 hexadecimal digits that change with any image or label of a test set, and not with its order."""
    cases = sorted(zip(table["image_id"].astype(str), table["label"].astype(int).tolist(), strict=True))
    return hashlib.sha256(json.dumps(cases).encode()).hexdigest()[:16]


def _in_order(name: str, table: pd.DataFrame) -> pd.DataFrame:
    require_columns(table, ("image_id", "label", "logit", "probability"), f"predictions of {name}")
    ids = table["image_id"].astype(str)
    if ids.duplicated().any():
        twice = ids[ids.duplicated()].iloc[0]
        raise ValueError(f"predictions of {name}: each image must appear once. Received: {twice} more than once")
    return table.assign(image_id=ids).sort_values("image_id", ignore_index=True)


def _refuse_different(tables: Mapping[str, pd.DataFrame]) -> None:
    digests = {name: digest_of_test_set(table) for name, table in tables.items()}
    (first, expected), *others = digests.items()
    for name, found in others:
        if found != expected:
            raise ValueError(
                f"{first} and {name} were tested on different images or labels, so no test can pair them. Received: "
                f"{len(tables[first])} images with digest {expected} ({first}), "
                f"{len(tables[name])} images with digest {found} ({name})"
            )
        if not (groups_of(tables[first]) == groups_of(tables[name])).all():
            raise ValueError(
                f"{first} and {name} put the same images into different groups; intervals depend on them. "
                "Received: two different columns `group`"
            )


def _calls(table: pd.DataFrame, threshold: float) -> np.ndarray | None:
    probabilities = table["probability"].to_numpy(dtype=float)
    # NaN compares as "benign", which the model did not say.
    return None if math.isnan(threshold) or np.isnan(probabilities).any() else probabilities >= threshold


def _resampled(
    tables: Mapping[str, pd.DataFrame], thresholds: Mapping[str, float], groups: np.ndarray, resamples: int, seed: int
) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, dict[str, float]]]:
    """Replicates and estimates by model and score; none for a model whose predictions cannot be scored."""
    scorers: dict[str, Scorer] = {}
    for name, table in tables.items():
        labels = table["label"].to_numpy()
        reason = why_undefined(labels, table["logit"]) or why_undefined(labels, table["probability"])
        if reason is None:
            scorers[name] = Scorer(labels, table["logit"], table["probability"], {"": thresholds[name]})
        else:
            warn_undefined(f"every difference from {name}", reason)
    labels = next(iter(tables.values()))["label"].to_numpy()
    once = np.ones((1, len(labels)))
    estimates = {
        name: {key: float(value[0]) for key, value in scorer(once).items()} for name, scorer in scorers.items()
    }
    chunks = [
        {name: scorer(weights) for name, scorer in scorers.items()}
        for weights in group_weights(labels, groups, resamples, seed)
    ]
    replicates: dict[str, dict[str, np.ndarray]] = {name: {} for name in tables}
    for name, of_model in estimates.items():
        of_model.pop(NOISE)
        replicates[name] = {score: np.concatenate([chunk[name][score] for chunk in chunks]) for score in of_model}
    return replicates, estimates
