"""The ranking scores of a cross-validation: each fold's own, and their mean.

Folds are predicted by different networks, which need not agree on what a logit of 0 means. A score that needs an order
only would compare such logits: two configurations that are equal in each fold may differ by 0.15 in the area of all
images together, because one of them has an offset between its folds.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skinexp.evaluation.metrics.ranking_scores import RANKING
from skinexp.evaluation.metrics.weighted_roc import Ranking


class FoldRanking:
    """The means over folds of all ranking scores, under many weightings at once."""

    def __init__(self, labels: ArrayLike, scores: ArrayLike, folds: ArrayLike) -> None:
        """Sorts each fold once.

        Args:
            labels: (n,) array of 0/1.
            scores: (n,) finite numbers.
            folds: (n,) number of each image's fold.
        """
        label_array, score_array, fold_array = np.asarray(labels), np.asarray(scores), np.asarray(folds)
        self._parts = [np.flatnonzero(fold_array == fold) for fold in np.unique(fold_array)]
        self._rankings = [Ranking(label_array[part], score_array[part]) for part in self._parts]

    def __call__(self, weights: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Returns each score as a (weightings,) array; NaN if a class has no weight in one of the folds.

        Args:
            weights: (weightings, n) how often each image counts.
        """
        curves = [ranking.roc(weights[:, part]) for part, ranking in zip(self._parts, self._rankings, strict=True)]
        return {name: np.mean([score(roc) for roc in curves], axis=0) for name, score in RANKING.items()}
