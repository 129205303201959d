"""The points of a reliability diagram: mean predicted probability and observed share by bin."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from skinexp.evaluation.cases import validated_labels_probabilities
from skinexp.evaluation.intervals.wilson import grouped_wilson
from skinexp.evaluation.metrics.probability_scores import BINS, probability_bins


def reliability_points(labels: ArrayLike, probabilities: ArrayLike, groups: ArrayLike | None = None) -> pd.DataFrame:
    """Returns the mean probability and the share of malignant images in 15 bins of equal width.

    The gaps between the two, weighted by `images`, are the expected calibration error.

    Args:
        labels: (n,) array of 0/1.
        probabilities: (n,) array in 0..1.
        groups: (n,) names of lesions or patients, for the intervals; without, all images are independent.

    Returns:
        15 rows, columns `bin_low`, `bin_high`, `images`, `probability` (mean), `malignant` (share), `low`, `high`
        (Wilson's interval of that share). The last four are NaN in an empty bin. Images without a probability are in
        no bin.

    Raises:
        ValueError: if a label is not 0 or 1, a probability lies outside 0..1, or the lengths differ.
    """
    label_array, probability_array = validated_labels_probabilities(labels, probabilities)
    names = np.arange(len(label_array)) if groups is None else np.asarray(groups)
    known = ~np.isnan(probability_array)
    bins = np.where(known, probability_bins(np.where(known, probability_array, 0.0)), -1)
    edges = np.linspace(0, 1, BINS + 1)
    rows = []
    for number in range(BINS):
        inside = bins == number
        share = grouped_wilson(label_array[inside], names[inside])
        mean = float(probability_array[inside].mean()) if inside.any() else np.nan
        rows.append((edges[number], edges[number + 1], int(inside.sum()), mean, *share))
    return pd.DataFrame(rows, columns=["bin_low", "bin_high", "images", "probability", "malignant", "low", "high"])
