"""Properties of phantoms that are known without rendering: the best possible AUC; factors as columns and vectors."""

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

# The elements of `vector`, in its order.
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
    """Returns total dermoscopy scores, and the probability of each among phantoms."""
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
    """Returns the probability that a phantom with each of these scores is malignant.

    Args:
        scores: (n,) total dermoscopy scores.
        label_noise: scale of the logistic noise on the score.
    """
    beyond = scores - THRESHOLD
    return expit(beyond / label_noise) if label_noise > 0 else (beyond > -1e-9).astype(float)


def bayes_auc(options: Options, ink: bool = False) -> float:
    """Computes the ROC-AUC of a classifier that knows all factors of a phantom; no model has a higher one.

    Given the factors, the label depends on the score alone, so the best ranking is that of the score. Its area is a sum
    over the exact distribution of the scores.

    Args:
        options: of the phantoms.
        ink: whether the classifier also uses ink that was planted as a shortcut.
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
    """Computes the ROC-AUC of the presence of ink alone."""
    benign, malignant = (ink_share(label, options) for label in (0, 1))
    return 0.5 + (malignant - benign) / 2


def columns(drawn: Factors) -> dict[str, Any]:
    """Returns a phantom's factors as metadata; the factors of the label are named `abcd_...` and form no subgroups."""
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
    """Returns a phantom's factors, which pretraining predicts: (targets,) numbers in 0..1, ordered as `TARGETS`."""
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
    """Returns the probability of each number of successes, 0 to `trials`."""
    found = np.ones(1)
    for _ in range(trials):
        found = np.convolve(found, (1 - probability, probability))
    return found


def _area(benign: Numbers, malignant: Numbers) -> float:
    """Returns the area of the best ranking of cells, by the ratio of their shares of malignant and benign images."""
    known = benign + malignant > 0
    benign, malignant = benign[known] / benign.sum(), malignant[known] / malignant.sum()
    order = np.argsort(malignant / (benign + malignant), kind="stable")
    benign, malignant = benign[order], malignant[order]
    below = np.cumsum(benign) - benign
    return float(np.sum(malignant * (below + benign / 2)))


def _word(name: str) -> str:
    return name.replace(" ", "_").replace("-", "_")
