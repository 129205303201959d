"""Calibration slope and intercept: the logistic regression of outcomes on logits, for many weightings at once."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skinexp.evaluation.cases import validated_labels_scores

STEPS = 200  # of Newton; four are enough where there is something to fit
LONGEST = 2.0  # step, in standard deviations of the logits: Newton's own may be endless where all are certain
CLOSE = 1e-4  # a step this short is the last: the next would be about its square
NEAR = 0.5  # of the start, within which the expansion there is trusted


class Recalibration:
    """The slope and the intercept of the same logits under many weightings.

    The slope is that of a logistic regression of outcomes on logits. It does not exist, and is NaN without a warning,
    where one threshold separates the classes (any steeper line fits even better) or all logits are equal: a perfect
    order is no fault to warn of. The intercept is calibration in the large: what must be added to every logit so that
    the mean probability is the share of malignant cases, the slope being kept at 1.
    """

    def __init__(self, labels: ArrayLike, logits: ArrayLike) -> None:
        """Fits all cases once: from there other weightings are a few steps away.

        Args:
            labels: (n,) array of 0/1.
            logits: (n,) array of finite numbers.

        Raises:
            ValueError: if a label is not 0 or 1, or the lengths differ.
        """
        self._labels, self._logits = validated_labels_scores(labels, logits)
        spread = self._logits.std() if self._logits.size else 0.0
        self._spread = float(spread) if spread > 0 else 1.0
        self._far = max(1.0, self._spread)  # a shift may be far also where all logits are nearly equal
        self._centre = float(self._logits.mean()) if self._logits.size else 0.0
        self._standard = (self._logits - self._centre) / self._spread
        sides = (self._labels == 0, self._labels == 1), (self._standard < 0, self._standard > 0)
        self._sides = np.column_stack([of_class & side for of_class in sides[0] for side in sides[1]]).astype(float)
        self._line_start, self._shift_start = np.zeros(2), np.zeros(1)
        everything = np.ones((1, len(self._labels)))
        line, shift = self._line(everything)[0], self._shift(everything)[0]
        self._line_start = np.where(np.isfinite(line), line, 0.0)
        self._shift_start = np.where(np.isfinite(shift), shift, 0.0)

    def __call__(self, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Slope and intercept, both (weightings,).

        Args:
            weights: (weightings, n) how often each case counts.
        """
        return self._line(weights)[:, 1] / self._spread, self._shift(weights)[:, 0] * self._far

    def line(self) -> tuple[float, float]:
        """Returns slope and intercept of the logistic regression of all outcomes on logits; NaN if there is none."""
        intercept, slope = self._line(np.ones((1, len(self._labels))))[0] / (1.0, self._spread)
        return float(slope), float(intercept - slope * self._centre)

    def _line(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        columns = np.column_stack([np.ones_like(self._standard), self._standard])
        return self._fit(weights, columns, np.zeros_like(self._logits), self._line_start, self._overlap(weights))

    def _shift(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        columns = np.full((len(self._logits), 1), self._far)
        malignant = weights @ self._labels
        both = np.asarray((malignant > 0) & (malignant < weights.sum(axis=1)))  # else the shift would be endless
        return self._fit(weights, columns, self._logits, self._shift_start, both)

    def _overlap(self, weights: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether no threshold separates the classes, in either direction, ties being allowed on it."""
        # Where both classes are on both sides of the mean they overlap; only the others need a closer look.
        found: NDArray[np.bool_] = (weights @ self._sides > 0).all(axis=1)
        found[~found] = self._overlap_of_ends(weights[~found])
        return found

    def _overlap_of_ends(self, weights: NDArray[np.float64]) -> NDArray[np.bool_]:
        ends = []
        for label in (0, 1):
            of_class = self._labels == label
            present, logits = weights[:, of_class] > 0, self._logits[of_class]
            ends.append((np.where(present, logits, np.inf), np.where(present, logits, -np.inf)))
        (benign_low, benign_high), (malignant_low, malignant_high) = (
            (low.min(axis=1, initial=np.inf), high.max(axis=1, initial=-np.inf)) for low, high in ends
        )
        return np.asarray((benign_high > malignant_low) & (malignant_high > benign_low))

    def _fit(
        self,
        weights: NDArray[np.float64],
        columns: NDArray[np.float64],
        offset: NDArray[np.float64],
        start: NDArray[np.float64],
        exists: NDArray[np.bool_],
    ) -> NDArray[np.float64]:
        """(weightings, parameters) maximum of the likelihood by Newton's method; NaN if there is none."""
        parameters = columns.shape[1]
        squares = (columns[:, :, None] * columns[:, None, :]).reshape(len(columns), -1)
        found = np.where(exists[:, None], start, np.nan)
        wanted = weights @ (self._labels[:, None] * columns)
        found += _expanded(start, wanted, weights, columns, squares, offset)
        open_rows = np.flatnonzero(exists)
        limit, last = np.full(len(found), LONGEST), np.zeros_like(found)
        for _ in range(STEPS):
            if not open_rows.size:
                return found
            some = len(open_rows) < len(found)
            probability = -found[open_rows] @ columns.T
            probability -= offset
            with np.errstate(over="ignore"):  # exp may be infinite: the probability is then 0
                np.exp(probability, out=probability)
            probability += 1
            np.reciprocal(probability, out=probability)
            weighted = probability * (weights[open_rows] if some else weights)
            gradient = wanted[open_rows] - weighted @ columns
            weighted *= np.subtract(1, probability, out=probability)
            curvature = (weighted @ squares).reshape(-1, parameters, parameters)
            curvature += np.finfo(np.float64).tiny * np.eye(parameters)  # where every image is certain it is 0
            step = _solved(curvature, gradient)
            length = np.abs(step).max(axis=1)
            # A step back shows that the last one went too far: without shorter ones they could take turns for ever.
            limit[open_rows[(step * last[open_rows]).sum(axis=1) < 0]] /= 2
            most = limit[open_rows]
            step *= np.minimum(1, most / np.maximum(length, most))[:, None]
            last[open_rows] = step
            found[open_rows] += step
            open_rows = open_rows[~(length < CLOSE)]
        found[open_rows] = np.nan
        return found


def _expanded(
    start: NDArray[np.float64],
    wanted: NDArray[np.float64],
    weights: NDArray[np.float64],
    columns: NDArray[np.float64],
    squares: NDArray[np.float64],
    offset: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(weightings, parameters) step from the start to about the maximum, by the likelihood's third derivatives there.

    At the start all weightings have the same probabilities, so that no weighting needs its own: this step saves two of
    Newton's. It is 0 where the maximum is too far off.
    """
    cases, parameters = columns.shape
    with np.errstate(over="ignore"):
        probability = (1 / (1 + np.exp(-(columns @ start) - offset)))[:, None]
    spread = probability * (1 - probability)
    cubes = (columns[:, :, None] * squares[:, None, :]).reshape(cases, -1)
    parts = np.hstack([probability * columns, spread * squares, spread * (1 - 2 * probability) * cubes])
    mean, curvature, bend = np.split(weights @ parts, [parameters, parameters + parameters**2], axis=1)
    curvature = curvature.reshape(-1, parameters, parameters) + np.finfo(np.float64).tiny * np.eye(parameters)
    step = _solved(curvature, wanted - mean)
    near = np.abs(step).max(axis=1, keepdims=True) < NEAR
    step = np.where(near, step, 0.0)
    products = (step[:, :, None] * step[:, None, :]).reshape(-1, parameters**2, 1)
    bent = (bend.reshape(-1, parameters, parameters**2) @ products)[:, :, 0]
    return np.where(near, step + _solved(curvature, -bent / 2), 0.0)


def _solved(matrices: NDArray[np.float64], vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """(k, p) solutions of k systems of one or two equations; a step in the gradient's direction where singular."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if vectors.shape[1] == 1:
            solution = vectors / matrices[:, 0]
        else:
            (a, b), (_, d) = matrices.transpose(1, 2, 0)
            first, second = vectors.T
            solution = np.stack([d * first - b * second, a * second - b * first], axis=1) / (a * d - b * b)[:, None]
    downhill = np.isfinite(solution).all(axis=1, keepdims=True)
    return np.where(downhill, np.clip(solution, -1e6, 1e6), np.sign(vectors) * LONGEST)
