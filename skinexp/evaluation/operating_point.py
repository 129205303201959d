"""The operating point of a trained network: its calibration, and the threshold of the calibrated probability."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skinexp.evaluation.decision.calibration import Calibrator, fit_calibrator
from skinexp.evaluation.decision.threshold_rules import choose_threshold


@dataclass(frozen=True)
class OperatingPoint:
    """How a network's logits become predicted labels.

    Attributes:
        threshold: an image is predicted malignant if its calibrated probability is at least this; NaN if no threshold
            could be chosen.
        calibrator: turns logits into calibrated probabilities.
        prevalence: share of malignant images among those on which both were chosen; NaN if it is unknown.
    """

    threshold: float
    calibrator: Calibrator
    prevalence: float = math.nan


def choose_operating_point(validation: pd.DataFrame, threshold_rule: str | float, calibration: str) -> OperatingPoint:
    """Fits the calibration on validation images, and chooses the threshold of their calibrated probabilities.

    Args:
        validation: one row per image, columns `label` (0/1), `logit`, `probability`.
        threshold_rule: see `choose_threshold`.
        calibration: see `fit_calibrator`.

    Returns:
        An `OperatingPoint`; its threshold is NaN, with a warning, if a class is absent.

    Raises:
        ValueError: if the rule or the calibration is unknown, or a label is not 0 or 1.
    """
    calibrator = fit_calibrator(calibration, validation["label"], validation["logit"])
    probabilities = calibrated_probabilities(calibrator, validation)
    threshold = choose_threshold(threshold_rule, validation["label"], probabilities)
    prevalence = float(validation["label"].mean()) if len(validation) else math.nan
    return OperatingPoint(threshold, calibrator, prevalence)


def calibrated_probabilities(calibrator: Calibrator, predictions: pd.DataFrame) -> NDArray[np.float64]:
    """Returns calibrated probabilities; without a calibration those of the table, to the last digit.

    Args:
        calibrator: see `Calibrator`.
        predictions: n rows, columns `logit`, `probability`.

    Returns:
        (n,) probabilities, 0 to 1.
    """
    if calibrator.method == "none":
        return predictions["probability"].to_numpy(dtype=np.float64)
    return calibrator.apply(predictions["logit"])


def predicted_labels(probabilities: ArrayLike, thresholds: ArrayLike) -> NDArray[np.float64]:
    """Returns the predicted label of each image.

    Args:
        probabilities: (n,) array in 0..1, calibrated if the thresholds are for calibrated probabilities.
        thresholds: a number, or one for each image.

    Returns:
        (n,) 1 (malignant) if the probability is at least the threshold, else 0 (benign); NaN if either is NaN.
    """
    values = np.asarray(probabilities, dtype=np.float64)
    limits = np.broadcast_to(np.asarray(thresholds, dtype=np.float64), values.shape)
    # A comparison with NaN is false, and would pass for the label "benign".
    return np.where(np.isnan(values) | np.isnan(limits), np.nan, values >= limits)
