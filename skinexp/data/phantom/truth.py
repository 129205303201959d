"""What is known about phantoms without looking at them: the best possible AUC, their factors as columns and vectors."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, roots_sh_jacobi

from skinexp.config.schema import Phantom as Options
from skinexp.data.phantom.abcd import (
    BETA,
    COLOURS,
    LEAST,
    SPAN,
    STRUCTURES,
    THRESHOLD,
    WEIGHTS,
    Factors,
    ink_share,
)

Numbers = npt.NDArray[np.float64]

NODES = 12  # of the quadrature: exact for polynomials of degree 23, and the probability of a score has degree 19
TENTHS = 90  # scores are whole tenths, 1.0 to 8.9

# What `vector` tells, in its order.
TARGETS = (
    "asymmetry",
    "border",
    *COLOURS,
    *STRUCTURES,
    "score",
    "ita",
    "diameter",
    "hair",
    "light hair",
    "ruler",
    "gel",
    "ink",
    "frame",
)


def score_distribution() -> tuple[Numbers, Numbers]:
    """Total dermoscopy scores, and the probability of each among phantoms."""
    severities, weights = roots_sh_jacobi(NODES, 2 * BETA - 1, BETA)
    total = np.zeros(TENTHS)
    for severity, weight in zip(LEAST + SPAN * severities, weights / weights.sum(), strict=True):
        given = np.ones(1)
        for per_count, least, most in WEIGHTS.values():
            step = round(10 * per_count)
            counts = np.zeros(step * most + 1)
            counts[step * least :: step] = _binomial(most - least, severity)
            given = np.convolve(given, counts)
        total[: len(given)] += weight * given
    return np.arange(TENTHS) / 10, total


def malignancy(scores: Numbers, label_noise: float) -> Numbers:
    """The probability that a phantom with this score is malignant."""
    beyond = scores - THRESHOLD
    return expit(beyond / label_noise) if label_noise > 0 else (beyond > -1e-9).astype(float)


def bayes_auc(options: Options, ink: bool = False) -> float:
    """The area under the ROC curve of who knows all factors of a phantom but not its label: no model does better.

    Given the factors, the label depends on the score alone, so the best ranking is that of the score; its area is a
    sum over the scores' exact distribution.

    Args:
        ink: whether who ranks makes use of ink, where it was planted as a shortcut.
    """
    scores, probability = score_distribution()
    malignant = probability * malignancy(scores, options.label_noise)
    benign = probability - malignant
    if ink:
        shares = np.array([ink_share(label, options) for label in (0, 1)])
        benign, malignant = (
            np.concatenate([of_class * share, of_class * (1 - share)])
            for of_class, share in zip((benign, malignant), shares, strict=True)
        )
    return _area(benign, malignant)


def ink_auc(options: Options) -> float:
    """The area under the ROC curve of the presence of ink alone."""
    benign, malignant = (ink_share(label, options) for label in (0, 1))
    return 0.5 + (malignant - benign) / 2


def columns(drawn: Factors) -> dict[str, Any]:
    """A phantom's factors as metadata. What the label is made of is named `abcd_...`: it makes no subgroup."""
    return {
        "abcd_asymmetry": drawn.asymmetry,
        "abcd_border": drawn.border,
        "abcd_colours": len(drawn.colours),
        "abcd_structures": len(drawn.structures),
        "abcd_score": round(drawn.score, 1),
        **{f"abcd_{_word(name)}": name in drawn.colours for name in COLOURS},
        **{f"abcd_{_word(name)}": name in drawn.structures for name in STRUCTURES},
        "ita": round(drawn.ita, 2),
        "diameter": round(drawn.diameter, 3),
        "hair": ("light" if drawn.light_hair else "dark") if drawn.hair else "none",
        "frame": drawn.frame,
        "ruler": drawn.ruler,
        "gel": drawn.gel,
        "ink": drawn.ink,
    }


def vector(drawn: Factors) -> npt.NDArray[np.float32]:
    """A phantom's factors as numbers in 0..1, in the order of `TARGETS`: what a network can learn to tell."""
    return np.array(
        [
            drawn.asymmetry / 2,
            drawn.border / 8,
            *(name in drawn.colours for name in COLOURS),
            *(name in drawn.structures for name in STRUCTURES),
            (drawn.score - 1.0) / 7.9,
            (drawn.ita + 90) / 180,
            drawn.diameter,
            drawn.hair,
            drawn.light_hair,
            drawn.ruler,
            drawn.gel,
            drawn.ink,
            drawn.frame != "none",
        ],
        np.float32,
    )


def _binomial(trials: int, probability: float) -> Numbers:
    """The probability of each number of successes, 0 to `trials`."""
    found = np.ones(1)
    for _ in range(trials):
        found = np.convolve(found, (1 - probability, probability))
    return found


def _area(benign: Numbers, malignant: Numbers) -> float:
    """Of the best ranking of cells, each with its share of benign and malignant images: by their ratio."""
    known = benign + malignant > 0
    benign, malignant = benign[known] / benign.sum(), malignant[known] / malignant.sum()
    order = np.argsort(malignant / (benign + malignant), kind="stable")
    benign, malignant = benign[order], malignant[order]
    below = np.cumsum(benign) - benign
    return float(np.sum(malignant * (below + benign / 2)))


def _word(name: str) -> str:
    return name.replace(" ", "_").replace("-", "_")
