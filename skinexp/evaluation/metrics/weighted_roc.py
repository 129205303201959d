"""The ROC curves of the same cases under many weightings at once, and every score that is read from such a curve.

A bootstrap resample is a weighting: how often each image was drawn. Scores are sorted once; the counts that a resample
has at every threshold are then two cumulative sums.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skinexp.evaluation.cases import validated_labels_scores

SLACK = 1e-6  # of an image: weights are whole numbers, but 0.1 times a whole number is none in floating point


class Ranking:
    """Cases in falling order of their scores."""

    def __init__(self, labels: ArrayLike, scores: ArrayLike) -> None:
        """Sorts the cases.

        Args:
            labels: (n,) array of 0/1.
            scores: (n,) array of finite numbers, higher means more likely malignant.

        Raises:
            ValueError: if a label is not 0 or 1, or the lengths differ.
        """
        label_array, score_array = validated_labels_scores(labels, scores)
        self._order = np.argsort(-score_array, kind="stable")
        self._malignant = label_array[self._order].astype(np.float64)
        falling = score_array[self._order]
        # Equal scores get the same label at every threshold: the curve has one point after the last of them.
        last = np.flatnonzero(np.append(falling[1:] != falling[:-1], True)) if falling.size else np.arange(0)
        self._last_of_equals = last if len(last) < len(falling) else None

    def roc(self, weights: NDArray[np.float64]) -> "WeightedRoc":
        """Returns the curve of each weighting.

        Args:
            weights: (weightings, n) whole numbers as float64: how often each case counts.
        """
        ordered = np.take(weights, self._order, axis=1)
        malignant = ordered * self._malignant
        ordered -= malignant
        return WeightedRoc(self._cumulated(malignant), self._cumulated(ordered))

    def _cumulated(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        points = np.zeros((len(counts), 1 + counts.shape[1]))
        np.cumsum(counts, axis=1, out=points[:, 1:])
        return (
            points if self._last_of_equals is None else np.take(points, np.append(0, 1 + self._last_of_equals), axis=1)
        )


@dataclass(frozen=True)
class WeightedRoc:
    """Counts at all thresholds, from nothing predicted malignant to everything.

    All scores are (weightings,) arrays, NaN for a weighting in which a class has no weight.

    Attributes:
        true_positives: (weightings, points) malignant cases predicted malignant.
        false_positives: (weightings, points) benign cases predicted malignant.
    """

    true_positives: NDArray[np.float64]
    false_positives: NDArray[np.float64]
    _above: dict[float, tuple[NDArray[np.float64], NDArray[np.float64]]] = field(default_factory=dict, init=False)

    @cached_property
    def malignant(self) -> NDArray[np.float64]:
        """Returns (weightings,) malignant cases in all."""
        return self.true_positives[:, -1]

    @cached_property
    def benign(self) -> NDArray[np.float64]:
        """Returns (weightings,) benign cases in all."""
        return self.false_positives[:, -1]

    @cached_property
    def _steps(self) -> NDArray[np.float64]:
        return np.diff(self.false_positives, axis=1)

    def area(self) -> NDArray[np.float64]:
        """Returns the area under the ROC curve: the share of pairs in the right order, ties counting half."""
        return self._under(self.true_positives) / self._pairs()

    def average_precision(self) -> NDArray[np.float64]:
        """Returns the precision at each threshold, weighted by the recall that this threshold adds."""
        found, positive = self.true_positives[:, 1:], self.true_positives[:, 1:] + self.false_positives[:, 1:]
        # Where no case reaches the threshold, it adds no recall: its precision, 0/0, has no weight.
        precision = found / np.maximum(positive, SLACK)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.einsum("ij,ij->i", np.diff(self.true_positives, axis=1), precision) / self.malignant
        return np.where(self.benign > 0, mean, np.nan)

    def areas_above(self, sensitivity: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Returns two areas of the part of the curve that reaches a sensitivity.

        Args:
            sensitivity: 0 to 1, exclusive.

        Returns:
            The area between that part of the curve and the line of that sensitivity (at most 1 - sensitivity), and
            the whole area under that part, down to the axis (at most 1).
        """
        if sensitivity not in self._above:
            self._above[sensitivity] = self._areas_above(sensitivity)
        return self._above[sensitivity]

    def _areas_above(self, sensitivity: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        least = sensitivity * self.malignant
        rows = np.arange(len(least))
        after = np.count_nonzero(self.true_positives < least[:, None] - SLACK, axis=1)
        after = np.clip(after, 1, self.true_positives.shape[1] - 1)  # for weightings without a malignant case
        low, high = self.true_positives[rows, after - 1], self.true_positives[rows, after]
        left, right = self.false_positives[rows, after - 1], self.false_positives[rows, after]
        with np.errstate(divide="ignore", invalid="ignore"):
            crossing = left + (least - low) / (high - low) * (right - left)  # where the curve reaches it
            # Trapezoids of the clipped curve begin at the point before the crossing, hence with a triangle too much.
            first = int(after.min(initial=self.true_positives.shape[1])) - 1  # before it no curve is high enough
            clipped = self._under(np.maximum(self.true_positives[:, first:] - least[:, None], 0))
            above = (clipped - (crossing - left) * (high - least) / 2) / self._pairs()
            return above, above + sensitivity * (1 - crossing / self.benign)

    def sensitivity_at(self, specificity: float) -> NDArray[np.float64]:
        """Returns the best sensitivity of all thresholds with at least this specificity, without interpolation."""
        allowed = (1 - specificity) * self.benign + SLACK
        last = np.count_nonzero(self.false_positives <= allowed[:, None], axis=1) - 1
        return self._rates(self.true_positives, last, self.malignant)

    def specificity_at(self, sensitivity: float) -> NDArray[np.float64]:
        """Returns the best specificity of all thresholds with at least this sensitivity, without interpolation."""
        needed = sensitivity * self.malignant - SLACK
        first = np.count_nonzero(self.true_positives < needed[:, None], axis=1)
        return 1 - self._rates(self.false_positives, first, self.benign)

    def sensitivities(self, false_positive_rates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns (weightings, k) heights of the curves at k false positive rates; the upper end of a vertical step."""
        return np.array(
            [
                np.interp(false_positive_rates, false / false[-1], true / true[-1])
                if true[-1] and false[-1]
                else np.full(len(false_positive_rates), np.nan)
                for true, false in zip(self.true_positives, self.false_positives, strict=True)
            ]
        )

    def precisions(self, recalls: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns (weightings, k) precision of the highest threshold that reaches each of k recalls above 0."""
        rows = []
        for true, false in zip(self.true_positives, self.false_positives, strict=True):
            first = np.searchsorted(true, recalls * true[-1] - SLACK) if true[-1] and false[-1] else None
            precision = np.nan if first is None else true[first] / (true[first] + false[first])
            rows.append(np.broadcast_to(precision, recalls.shape))
        return np.array(rows)

    def _under(self, heights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Twice-counted trapezoids, halved: (weightings,) area in pairs of cases, under the last points of a curve."""
        steps = self._steps[:, self._steps.shape[1] + 1 - heights.shape[1] :]
        return (np.einsum("ij,ij->i", steps, heights[:, 1:]) + np.einsum("ij,ij->i", steps, heights[:, :-1])) / 2

    def _pairs(self) -> NDArray[np.float64]:
        pairs = self.malignant * self.benign
        return np.where(pairs > 0, pairs, np.nan)

    def _rates(
        self, counts: NDArray[np.float64], point: NDArray[np.int64], whole: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        found = counts[np.arange(len(counts)), np.minimum(point, counts.shape[1] - 1)]
        return np.where(self._pairs() > 0, found / np.where(whole > 0, whole, np.nan), np.nan)
