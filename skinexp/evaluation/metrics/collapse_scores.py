"""Two numbers that indicate a collapsed model, which gives every image the same logit."""

import math

import numpy as np
from numpy.typing import ArrayLike


def collapse_scores(probabilities: ArrayLike, logits: ArrayLike) -> dict[str, float]:
    """Returns how many images are predicted malignant at 0.5, and how far logits are apart.

    A collapsed model predicts one class for all images, so that its accuracy is the share of that class.

    Args:
        probabilities: (n,) array in 0..1.
        logits: (n,) array.

    Returns:
        `predicted_positive`, the share of images whose probability is at least 0.5, and `logit_std`, the standard
        deviation of the logits; each NaN without images, or if one of its numbers is NaN or (logits) infinite;
        the latter also if logits are too large for their squares.
    """
    probability_array = np.asarray(probabilities, dtype=np.float64)
    logit_array = np.asarray(logits, dtype=np.float64)
    known = probability_array.size > 0 and not np.isnan(probability_array).any()  # NaN would compare as "benign"
    finite = logit_array.size > 0 and bool(np.isfinite(logit_array).all())  # NumPy warns about inf - inf
    with np.errstate(over="ignore"):
        spread = float(logit_array.std()) if finite else math.nan
    return {
        "predicted_positive": float((probability_array >= 0.5).mean()) if known else math.nan,
        "logit_std": spread if math.isfinite(spread) else math.nan,
    }
