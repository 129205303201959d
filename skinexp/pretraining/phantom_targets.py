"""What a backbone learns to tell: the factors of phantoms as numbers in 0..1, and what of them it can tell."""

from collections.abc import Iterable

import numpy as np

from skinexp.config.schema import Phantom
from skinexp.data import phantom
from skinexp.data.phantom.truth import TARGETS, vector
from skinexp.health import probes


def of(positions: Iterable[int], seed: int, options: Phantom) -> np.ndarray:
    """(n, k) float32, the factors that `TARGETS` names, of the phantoms at these positions."""
    return np.stack([vector(phantom.factors(seed, int(position), options)) for position in positions])


def told(logits: np.ndarray, truth: np.ndarray, labels: np.ndarray) -> dict[str, dict[str, float]]:
    """How well each factor is told: ROC-AUC of what is there or not, R2 (share of the variance) of what is a number.

    Args:
        logits: (n, k) of a network.
        truth: (n, k) as `of` gives it.
        labels: (n,) 0/1, malignant; told by the score.
    """
    guesses = 1 / (1 + np.exp(-np.asarray(logits, np.float64)))
    found = {}
    for name, guess, value in zip(TARGETS, guesses.T, truth.T, strict=True):
        if np.isin(value, (0, 1)).all():
            found[name] = {"roc_auc": probes.auc(value.astype(int), guess)}
        else:
            found[name] = {"r2": 1 - float(np.mean((guess - value) ** 2) / np.var(value))}
    found["malignant"] = {"roc_auc": probes.auc(labels, guesses[:, TARGETS.index("score")])}
    return {name: {score: round(value, 3) for score, value in scores.items()} for name, scores in found.items()}
