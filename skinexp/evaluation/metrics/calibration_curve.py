"""The smooth calibration curve: the observed share of malignant images over the predicted probability, by loess.

Bins depend on where their edges are. Loess fits a parabola to the outcomes near each probability instead: the
nearest three quarters of the images count, the nearer the more (tricube weights). Many weightings of the same images
are fitted at once: each fit is a ratio of sums over images, and the neighbours do not change with a weighting.

Reference: Cleveland, JASA 74 (1979) (loess); Austin & Steyerberg, Statistics in Medicine 33 (2014) (of outcomes on
predicted probabilities) and 38 (2019) (ICI, E50, E90).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skinexp.evaluation.cases import validated_labels_probabilities

SPAN = 0.75  # share of the images that count in a fit, as in R's loess
MOST = 250  # probabilities at which the curve is fitted; if there are more different ones, neighbours share one
SINGULAR = 1e-9  # of normal equations, relative to their size, that have no solution: too few different probabilities
CALIBRATION_ERRORS = ("ici", "e50", "e90")
QUANTILES = {"e50": 0.5, "e90": 0.9}
SLACK = 1e-9  # of the share of images that a quantile needs, which is rounded


class CalibrationCurve:
    """The curve of the same probabilities under many weightings at once.

    Attributes:
        probabilities: (k,) predicted probabilities at which the curve is fitted, ascending; at most `MOST`. If there
            are more different ones, each stands for some neighbours and is their mean.
        images: (k,) how many images each stands for.
    """

    def __init__(self, labels: ArrayLike, probabilities: ArrayLike) -> None:
        """Finds the neighbours of each probability.

        Args:
            labels: (n,) array of 0/1, n at least 1.
            probabilities: (n,) array in 0..1, without NaN.

        Raises:
            ValueError: if a label is not 0 or 1, a probability lies outside 0..1, or the lengths differ.
        """
        label_array, probability_array = validated_labels_probabilities(labels, probabilities)
        self._order = np.argsort(probability_array, kind="stable")
        rising = probability_array[self._order]
        self._malignant = label_array[self._order].astype(np.float64)
        self._starts = np.flatnonzero(np.append(True, rising[1:] != rising[:-1]))
        if len(self._starts) > MOST:
            self._starts = np.arange(MOST) * len(rising) // MOST
        self.images = np.diff(np.append(self._starts, len(rising)))
        self.probabilities = np.add.reduceat(rising, self._starts) / self.images
        apart = self.probabilities[:, None] - self.probabilities  # (k, k): of an image, from where the curve is fitted
        kernel = _tricube(np.abs(apart), self.images)
        self._sums = [kernel * apart**power for power in range(5)]

    def __call__(self, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Returns the curve, and how many images there are at each of its probabilities.

        Args:
            weights: (weightings, n) how often each image counts.

        Returns:
            (weightings, k) observed shares, 0 to 1, NaN if a weighting has no image near; and (weightings, k) images.
        """
        ordered = np.take(weights, self._order, axis=1)
        images = np.add.reduceat(ordered, self._starts, axis=1)
        malignant = np.add.reduceat(ordered * self._malignant, self._starts, axis=1)
        sums = [images @ part for part in self._sums]
        moments = [malignant @ part for part in self._sums[:3]]
        share = np.divide(moments[0], sums[0], out=np.full_like(sums[0], np.nan), where=sums[0] > 0)
        observed = np.where(_has_line(sums), _line(sums, moments), share)
        observed = np.where(_has_parabola(sums), _parabola(sums, moments), observed)
        return np.clip(observed, 0.0, 1.0), images


Sums = list[NDArray[np.float64]]


def _has_line(sums: Sums) -> NDArray[np.bool_]:
    """Returns whether the images near each probability have two different ones."""
    whole, first, second = sums[:3]
    return whole * second - first**2 > SINGULAR * whole * second


def _line(sums: Sums, moments: Sums) -> NDArray[np.float64]:
    """Returns the height of the line fitted by least squares, where the curve is read."""
    whole, first, second = sums[:3]
    return _quotient(second * moments[0] - first * moments[1], whole * second - first**2)


def _has_parabola(sums: Sums) -> NDArray[np.bool_]:
    """Returns whether they have three."""
    return _cofactors(sums)[3] > SINGULAR * sums[0] * sums[2] * sums[4]


def _parabola(sums: Sums, moments: Sums) -> NDArray[np.float64]:
    """Returns the height of the parabola, by Cramer's rule."""
    first, second, third, whole = _cofactors(sums)
    return _quotient(moments[0] * first - moments[1] * second + moments[2] * third, whole)


def _cofactors(sums: Sums) -> Sums:
    """Returns the cofactors of the first column of the normal equations, and their determinant."""
    whole, first, second, third, fourth = sums
    found = [second * fourth - third**2, first * fourth - second * third, first * third - second**2]
    return [*found, whole * found[0] - first * found[1] + second * found[2]]


def _quotient(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)


def calibration_errors(gaps: NDArray[np.float64], images: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Returns the mean, the median and the 90th percentile of the gaps between curve and probabilities.

    Args:
        gaps: (weightings, k) distances, 0 or more; NaN is allowed where there are no images.
        images: (weightings, k) how many images have each.

    Returns:
        `ici` (integrated calibration index: the mean), `e50` and `e90`, each (weightings,).
    """
    known = np.where(images > 0, gaps, 0.0)
    whole = images.sum(axis=1)
    order = np.argsort(known, axis=1)
    rising, below = np.take_along_axis(known, order, axis=1), np.take_along_axis(images, order, axis=1).cumsum(axis=1)
    errors = {"ici": (known * images).sum(axis=1) / whole}
    for name, share in QUANTILES.items():
        place = np.argmax(below >= (share - SLACK) * whole[:, None], axis=1)
        errors[name] = np.take_along_axis(rising, place[:, None], axis=1)[:, 0]
    return errors


def _tricube(distances: NDArray[np.float64], images: NDArray[np.int64]) -> NDArray[np.float64]:
    """Returns (k, k) weights of images (rows) where the curve is fitted (columns).

    Args:
        distances: (k, k) between probabilities.
        images: (k,) how many have each.
    """
    nearest = np.argsort(distances, axis=0, kind="stable")
    reached = images[nearest].cumsum(axis=0) >= max(1, int(SPAN * images.sum() + SLACK))
    farthest = np.take_along_axis(distances, nearest, axis=0)[np.argmax(reached, axis=0), np.arange(len(images))]
    # If so many images have the probability itself, only these count.
    near = np.minimum(distances, farthest) / np.where(farthest > 0, farthest, 1.0)
    relative = np.where(farthest > 0, near, (distances > 0).astype(float))
    return (1 - relative**3) ** 3
