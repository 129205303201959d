"""Net benefit: true positives less false positives, weighted by the odds of the threshold probability."""

import math

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skinexp.evaluation.cases import validated_labels_probabilities
from skinexp.evaluation.decision.prevalence import probabilities_at_prevalence


def net_benefit(labels: ArrayLike, probabilities: ArrayLike, threshold: float) -> float:
    """Returns the net benefit of excising if the probability of malignancy is at least `threshold`.

    The threshold is a price as well: who acts from a probability of 0.1 on would have nine benign lesions excised to
    find one melanoma.

    Args:
        labels: (n,) array of 0/1.
        probabilities: (n,) array in 0..1.
        threshold: a probability, 0 to 1.

    Returns:
        TP/n - FP/n * threshold / (1 - threshold): from minus infinity to the share of malignant cases. NaN without
        images, where a probability or the threshold is NaN, and for a threshold of 1 (a false positive has no price).

    Raises:
        ValueError: if a label is not 0 or 1, a probability lies outside 0..1, or the lengths differ.

    Reference: Vickers & Elkin, Medical Decision Making 26 (2006).
    """
    return float(decision_curve(labels, probabilities, [threshold])["model"].iloc[0])


def validate_risk_threshold(risk_threshold: float) -> None:
    """Refuses a risk threshold that is not between 0 and 1.

    Raises:
        ValueError: naming the value.
    """
    if not 0 < risk_threshold < 1:
        raise ValueError(f"risk threshold: must lie between 0 and 1. Received: {risk_threshold}")


def decision_curve(
    labels: ArrayLike,
    probabilities: ArrayLike,
    thresholds: ArrayLike | None = None,
    prevalence: float | None = None,
    reference: float | None = None,
) -> pd.DataFrame:
    """Returns the net benefit of a model over threshold probabilities, beside those of treating everyone and no one.

    Args:
        labels: (n,) array of 0/1.
        probabilities: (n,) array in 0..1.
        thresholds: (k,) probabilities; by default 0.01, 0.02, ..., 0.99.
        prevalence: share of malignant lesions in the population that the curve is for; without, that of these images.
            Probabilities and thresholds are then risks in this population, and each class counts with its share there.
        reference: with a prevalence, that of the images on which the probabilities were calibrated; by default that
            of these images.

    Returns:
        k rows, columns `threshold`, `model`, `treat_all`, `treat_none` (always 0). NaN as in `net_benefit`.

    Raises:
        ValueError: if a label is not 0 or 1, a probability lies outside 0..1, the lengths differ, or the prevalence
            is not between 0 and 1.
    """
    label_array, probability_array = validated_labels_probabilities(labels, probabilities)
    if prevalence is not None:
        own = float(label_array.mean()) if label_array.size else math.nan
        reference = own if reference is None else reference
        probability_array = probabilities_at_prevalence(probability_array, reference, prevalence)
    points = np.linspace(0.01, 0.99, 99) if thresholds is None else np.asarray(thresholds, dtype=np.float64)
    images = len(label_array)
    if images == 0 or np.isnan(probability_array).any():
        curve = treat_all = np.full(len(points), math.nan)
    else:
        reached = [np.searchsorted(np.sort(probability_array[label_array == label]), points) for label in (0, 1)]
        sizes = [int((label_array == label).sum()) for label in (0, 1)]
        worth = _worth_of_an_image(sizes, prevalence)
        benign, malignant = ((sizes[label] - reached[label]) * worth[label] for label in (0, 1))
        curve = net_benefit_of_counts(malignant, benign, images, points)
        everything = [np.full(len(points), sizes[label] * worth[label]) for label in (0, 1)]
        treat_all = net_benefit_of_counts(everything[1], everything[0], images, points)
    return pd.DataFrame({"threshold": points, "model": curve, "treat_all": treat_all, "treat_none": 0.0})


def _worth_of_an_image(sizes: list[int], prevalence: float | None) -> tuple[float, float]:
    """Returns what a benign and a malignant image count for, so that each class has its share in the population."""
    if prevalence is None:
        return 1.0, 1.0
    benign, malignant = (sum(sizes) / size if size else math.nan for size in sizes)
    return benign * (1 - prevalence), malignant * prevalence


def net_benefit_of_counts(
    true_positives: ArrayLike, false_positives: ArrayLike, images: ArrayLike, threshold: ArrayLike
) -> NDArray[np.float64]:
    """Returns the net benefit, element by element; NaN for a threshold that is no probability below 1."""
    price = np.asarray(threshold, dtype=np.float64)
    odds = np.divide(price, 1 - price, out=np.full(price.shape, np.nan), where=(price >= 0) & (price < 1))
    return (np.asarray(true_positives) - np.asarray(false_positives) * odds) / np.asarray(images)
