"""From which probability on an image is called malignant."""

import math

import numpy as np
from numpy.typing import ArrayLike

from skinexp.evaluation.cases import checked_probabilities, warn_undefined, why_undefined


def youden_threshold(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """The threshold that maximises Youden's J = sensitivity + specificity - 1.

    The rule it is for: an image is called malignant where probability >= threshold.

    Every threshold between two neighbouring scores calls these cases alike. The one returned is halfway: it keeps the
    same distance to the benign case below and to the malignant case above, so that neither is lost to a rounding
    error, nor to the little that a score moves with the batch it was computed in.

    Where several thresholds reach the same J, the lowest is returned, hence the one of highest sensitivity: a
    melanoma missed costs more than a nevus excised. So scores that order nothing (all equal, or all the wrong way
    round) have every image called malignant. The threshold is finite in each case.

    Args:
        labels: (n,) array of 0/1.
        probabilities: (n,) array in 0..1.

    Returns:
        A number in 0..1; NaN, with a warning, where a class is absent or a probability is NaN.

    Raises:
        ValueError: where a label is not 0 or 1, a probability lies outside 0..1, or the lengths differ.

    Reference: Youden, Cancer 3 (1950).
    """
    label_array, probability_array = checked_probabilities(labels, probabilities)
    reason = why_undefined(label_array, probability_array)
    if reason is not None:
        warn_undefined("Youden's threshold", reason)
        return math.nan

    scores, place = np.unique(probability_array, return_inverse=True)  # ascending
    # How many images of each class reach each score, that is, are called malignant with it as the threshold.
    benign, malignant = (np.bincount(place, weights=label_array == label)[::-1].cumsum()[::-1] for label in (0, 1))
    # J times the sizes of both classes (all reach the lowest score): whole numbers, so that equal J compare as equal.
    gain = malignant * benign[0] - benign * malignant[0]
    best = int(np.argmax(gain))  # the first, hence the lowest, of equals
    below = scores[best - 1] if best > 0 else 0.0  # no probability is lower than 0
    halfway = (below + scores[best]) / 2
    return float(halfway if halfway > below else scores[best])  # neighbouring floats have nothing between them
