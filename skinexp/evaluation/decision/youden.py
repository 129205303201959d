"""Youden's threshold: from which probability on an image is predicted malignant."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skinexp.evaluation.cases import validated_labels_probabilities, warn_undefined, why_undefined


def youden_threshold(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Returns the threshold that maximises Youden's J = sensitivity + specificity - 1.

    The rule it is for: an image is predicted malignant if probability >= threshold.

    Every threshold between two neighbouring scores gives these cases the same labels. The one returned is halfway: it
    keeps the same distance to the benign case below and to the malignant case above, so that neither is lost to a
    rounding error, nor to the little that a score moves with the batch it was computed in.

    Where several thresholds reach the same J, the lowest is returned, hence the one of highest sensitivity: a
    melanoma missed costs more than a nevus excised. So scores that order nothing (all equal, or all the wrong way
    round) predict every image malignant. The threshold is finite in each case.

    Args:
        labels: (n,) array of 0/1.
        probabilities: (n,) array in 0..1.

    Returns:
        A number in 0..1; NaN, with a warning, if a class is absent or a probability is NaN.

    Raises:
        ValueError: if a label is not 0 or 1, a probability lies outside 0..1, or the lengths differ.

    Reference: Youden, Cancer 3 (1950).
    """
    label_array, probability_array = validated_labels_probabilities(labels, probabilities)
    reason = why_undefined(label_array, probability_array)
    if reason is not None:
        warn_undefined("Youden's threshold", reason)
        return math.nan

    points = Candidates(label_array, probability_array)
    # J times the sizes of both classes: whole numbers, so that equal J compare as equal.
    gain = points.malignant * points.benign[0] - points.benign * points.malignant[0]
    # The first, hence the lowest, of equals. That nothing is predicted malignant has J = 0, as that everything is.
    return points.threshold(int(np.argmax(gain)))


class Candidates:
    """All ways in which a threshold can divide the same cases, from everything predicted malignant to nothing.

    Attributes:
        benign: (k + 1,) benign cases predicted malignant, for k distinct scores as the lowest one predicted so,
            ascending; at the last none is.
        malignant: (k + 1,) malignant cases predicted malignant.
    """

    def __init__(self, labels: NDArray[np.int64], probabilities: NDArray[np.float64]) -> None:
        """Counts each class once; the cases are validated already."""
        self._scores, place = np.unique(probabilities, return_inverse=True)  # ascending
        self.benign, self.malignant = (
            np.append(np.bincount(place[labels == label], minlength=len(self._scores))[::-1].cumsum()[::-1], 0)
            for label in (0, 1)
        )

    def threshold(self, which: int) -> float:
        """Returns the threshold halfway between the lowest score that is predicted malignant and the one below it."""
        if which == len(self._scores):
            below, above = self._scores[-1], 1.0
            # A case may be as certain as 1; the next float is reached by no probability.
            return float((below + above) / 2 if below < np.nextafter(1.0, 0.0) else np.nextafter(1.0, 2.0))
        below = self._scores[which - 1] if which > 0 else 0.0  # no probability is lower than 0
        halfway = (below + self._scores[which]) / 2
        return float(halfway if halfway > below else self._scores[which])  # neighbouring floats have nothing between
