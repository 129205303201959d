"""The scores that need an order only, and no threshold."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skinexp.evaluation.cases import validated_labels_scores, warn_undefined, why_undefined
from skinexp.evaluation.metrics.weighted_roc import Ranking, WeightedRoc

LEAST_SENSITIVITY = 0.8  # of both partial areas

RANKING: dict[str, Callable[[WeightedRoc], NDArray[np.float64]]] = {
    "roc_auc": WeightedRoc.area,
    "average_precision": WeightedRoc.average_precision,
    "pauc_isic2024": lambda roc: roc.areas_above(LEAST_SENSITIVITY)[0],
    "pauc_isic_scorer": lambda roc: roc.areas_above(LEAST_SENSITIVITY)[1],
    "sensitivity_at_90_specificity": lambda roc: roc.sensitivity_at(0.90),
    "sensitivity_at_95_specificity": lambda roc: roc.sensitivity_at(0.95),
    "specificity_at_90_sensitivity": lambda roc: roc.specificity_at(0.90),
    "specificity_at_95_sensitivity": lambda roc: roc.specificity_at(0.95),
}


def ranking_scores(labels: ArrayLike, scores: ArrayLike) -> dict[str, float]:
    """Returns the scores that need an order only, and no threshold.

    Logits serve better than probabilities: far from 0 the latter round to 1.0 in float32, and their order is lost.

    "The partial area above 80 % sensitivity" is two numbers in print, so each has a name of its own.
    `pauc_isic2024` is the one of the ISIC 2024 challenge on Kaggle: the area between the curve and the line of 80 %
    sensitivity, from 0 to 0.2; chance gives 0.02. `pauc_isic_scorer` is the one of the package
    isic-challenge-scoring: the whole area under the part of the curve that reaches 80 % sensitivity, from 0 to 1;
    chance gives 0.18. The latter is the former and 0.8 times the width of that part.

    Args:
        labels: (n,) array of 0/1.
        scores: (n,) array, higher means more likely malignant.

    Returns:
        `roc_auc`, `average_precision`, `pauc_isic2024`, `pauc_isic_scorer`, and the best sensitivity among the
        thresholds of at least 90 or 95 % specificity (`sensitivity_at_90_specificity`, ...), and the other way round
        (`specificity_at_90_sensitivity`, ...). All of them are chosen and measured on the same cases, so the last four
        are what an order allows, not what a threshold fixed in advance will reach. NaN, with a warning, if a class
        is absent or a score is not finite.

    Raises:
        ValueError: if a label is not 0 or 1, or the lengths differ.
    """
    label_array, score_array = validated_labels_scores(labels, scores)
    reason = why_undefined(label_array, score_array)
    if reason is not None:
        warn_undefined("the area under the ROC and the precision-recall curve", reason)
        return dict.fromkeys(RANKING, math.nan)
    roc = Ranking(label_array, score_array).roc(np.ones((1, len(label_array))))
    return {name: float(score(roc)[0]) for name, score in RANKING.items()}
