"""Every score of one model's predictions, under many weightings of its images at once."""

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skinexp.evaluation.cases import validated_labels_probabilities
from skinexp.evaluation.decision.net_benefit import net_benefit_of_counts
from skinexp.evaluation.metrics.count_scores import count_scores
from skinexp.evaluation.metrics.fold_ranking import FoldRanking
from skinexp.evaluation.metrics.probability_scores import ProbabilityScorer
from skinexp.evaluation.metrics.ranking_scores import RANKING
from skinexp.evaluation.metrics.weighted_roc import Ranking, WeightedRoc

RATES = np.linspace(0, 1, 101)  # false positive rates at which the ROC curve gets a band
RECALLS = np.linspace(0.01, 1, 100)  # recalls at which the precision-recall curve does; at 0 it has no precision


class ThresholdScorer:
    """Scores of predicting an image malignant if its probability is at least a threshold."""

    def __init__(
        self, labels: ArrayLike, probabilities: ArrayLike, threshold: ArrayLike, risk_threshold: float = math.nan
    ) -> None:
        """Predicts each image once.

        Args:
            labels: (n,) array of 0/1.
            probabilities: (n,) array in 0..1, without NaN.
            threshold: a number, or one for each image, not NaN.
            risk_threshold: whose odds are the price of a false positive in the net benefit; NaN: that of the threshold,
                if all images have the same one. Without one price there is no net benefit.

        Raises:
            ValueError: if a label is not 0 or 1, a probability lies outside 0..1, or the lengths differ.
        """
        label_array, probability_array = validated_labels_probabilities(labels, probabilities)
        at = np.broadcast_to(np.asarray(threshold, dtype=np.float64), probability_array.shape)
        predicted = probability_array >= at
        # Images with thresholds of their own would add up net benefits at different prices.
        price = risk_threshold if not math.isnan(risk_threshold) else at[0] if len(set(at.tolist())) == 1 else math.nan
        self._cost = -float(net_benefit_of_counts(0, 1, 1, price))  # of a false positive, in true ones
        states_costs = 0 < risk_threshold < 1
        self._missed = (1 - risk_threshold) / risk_threshold if states_costs else None  # cost, in false positives
        kinds = [(1, True), (0, True), (1, False), (0, False)]  # true and false positives, false and true negatives
        self._kinds = np.column_stack(
            [(label_array == label) & (predicted == positive) for label, positive in kinds]
        ).astype(float)

    def __call__(self, weights: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Returns the scores of `count_scores`, the net benefit and the expected cost, each (weightings,).

        The expected cost is the mean cost of an image, in false positives: a missed malignant image costs as many as
        the risk threshold says. Without a risk threshold there is none.

        Reference: Maier-Hein et al., Nature Methods 21 (2024) (expected cost).
        """
        counts = (weights @ self._kinds).T
        images = counts.sum(axis=0)
        scores = count_scores(*counts) | {"net_benefit": (counts[0] - self._cost * counts[1]) / images}
        if self._missed is not None:
            scores["expected_cost"] = (counts[1] + self._missed * counts[2]) / images
        return scores


WeightedMetric = Callable[[NDArray[np.float64]], dict[str, NDArray[np.float64]]]  # weights -> score -> (weightings,)


class Scorer:
    """Ranking, probability and threshold scores of one model, and the heights of its curves."""

    def __init__(
        self,
        labels: ArrayLike,
        logits: ArrayLike,
        probabilities: ArrayLike,
        metrics: Mapping[str, ArrayLike | WeightedMetric],
        folds: ArrayLike | None = None,
    ) -> None:
        """Sorts, bins and predicts the images once.

        Args:
            labels: (n,) array of 0/1.
            logits: (n,) finite numbers: what images are ranked by.
            probabilities: (n,) array in 0..1, without NaN.
            metrics: suffix of the names of scores -> a threshold of the probabilities, or one for each image (one that
                is NaN has no scores); or a metric of other probabilities of the same images.
            folds: (n,) numbers of the folds of a cross-validation; ranking scores are then means over folds, the curves
                those of all images.

        Raises:
            ValueError: if a label is not 0 or 1, a probability lies outside 0..1, or the lengths differ.
        """
        self._ranking = Ranking(labels, logits)
        self._by_fold = None if folds is None else FoldRanking(labels, logits, folds)
        self._metrics: dict[str, list[WeightedMetric]] = {"": [ProbabilityScorer(labels, probabilities, logits)]}
        for suffix, metric in metrics.items():
            if callable(metric):
                self._metrics.setdefault(suffix, []).append(metric)
            elif not np.isnan(np.asarray(metric, dtype=np.float64)).any():
                self._metrics.setdefault(suffix, []).append(ThresholdScorer(labels, probabilities, metric))

    def __call__(self, weights: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Returns each score as a (weightings,) array.

        Args:
            weights: (weightings, n) how often each image counts.
        """
        return self._scores(weights, self._ranking.roc(weights))

    def with_curves(
        self, weights: NDArray[np.float64]
    ) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.float64], NDArray[np.float64]]:
        """Returns scores, (weightings, 101) sensitivities at `RATES`, (weightings, 100) precisions at `RECALLS`."""
        roc = self._ranking.roc(weights)
        return self._scores(weights, roc), roc.sensitivities(RATES), roc.precisions(RECALLS)

    def _scores(self, weights: NDArray[np.float64], roc: WeightedRoc) -> dict[str, NDArray[np.float64]]:
        by_fold = self._by_fold
        scores = {name: score(roc) for name, score in RANKING.items()} if by_fold is None else by_fold(weights)
        for suffix, metrics in self._metrics.items():
            for metric in metrics:
                scores |= {f"{name}{suffix}": score for name, score in metric(weights).items()}
        return scores
