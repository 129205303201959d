"""How sure a score is."""

import math


def auc_standard_error(area: float, positives: int, negatives: int) -> float:
    """Rough standard error of an area under the ROC curve, from the area and the number of cases alone.

    Args:
        area: the area, 0 to 1.
        positives: number of malignant cases.
        negatives: number of benign cases.

    Returns:
        The standard error; NaN where the area is NaN or a class is absent.

    Reference: Hanley & McNeil, Radiology 143 (1982), which assumes scores with exponential distributions.
    """
    if math.isnan(area) or positives < 1 or negatives < 1:
        return math.nan
    two_positives_above = area / (2 - area)
    two_negatives_below = 2 * area**2 / (1 + area)
    variance = (
        area * (1 - area)
        + (positives - 1) * (two_positives_above - area**2)
        + (negatives - 1) * (two_negatives_below - area**2)
    ) / (positives * negatives)
    return math.sqrt(max(variance, 0.0))
