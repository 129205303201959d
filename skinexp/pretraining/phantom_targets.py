"""The targets of a pretraining: the factors of phantoms as numbers in 0..1, and the scores of their prediction."""

from collections.abc import Iterable

import numpy as np

from skinexp.config.schema import Phantom
from skinexp.data import phantom
from skinexp.data.phantom.truth import TARGETS, vector
from skinexp.health import probes


def factor_targets(positions: Iterable[int], seed: int, options: Phantom) -> np.ndarray:
    """Returns the factors of phantoms.

    Args:
        positions: of the phantoms in their set.
        seed: of the set.
        options: of the set.

    Returns:
        (n, k) float32 in 0..1; `TARGETS` names the columns.
    """
    return np.stack([vector(phantom.factors(seed, int(position), options)) for position in positions])


def held_out_scores(logits: np.ndarray, truth: np.ndarray, labels: np.ndarray) -> dict[str, dict[str, float]]:
    """Returns how well each factor of held-out phantoms is predicted.

    Args:
        logits: (n, k) predictions of a network.
        truth: (n, k) factors, from `factor_targets`.
        labels: (n,) 0/1, malignant; their prediction is that of the score.

    Returns:
        Factor -> {"roc_auc": area} if it is present or absent, {"r2": share of the variance} if it is a number.
    """
    guesses = 1 / (1 + np.exp(-np.asarray(logits, np.float64)))
    scores = {}
    for name, guess, value in zip(TARGETS, guesses.T, truth.T, strict=True):
        if np.isin(value, (0, 1)).all():
            scores[name] = {"roc_auc": probes.auc(value.astype(int), guess)}
        else:
            scores[name] = {"r2": 1 - float(np.mean((guess - value) ** 2) / np.var(value))}
    scores["malignant"] = {"roc_auc": probes.auc(labels, guesses[:, TARGETS.index("score")])}
    return {name: {score: round(value, 3) for score, value in found.items()} for name, found in scores.items()}
