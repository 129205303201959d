"""Calibration: the function from logits to probabilities, fitted on validation images."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression

from skinexp.evaluation.cases import validated_labels_scores, warn_undefined, why_undefined

Parameters = Mapping[str, float | list[float]]
FARTHEST = 1e6  # of an inverse temperature, in units of one over the largest logit


@dataclass(frozen=True)
class Calibrator:
    """Turns logits into probabilities; written as plain values, so that a model file can hold it.

    Attributes:
        method: `none`, `temperature` or `isotonic`.
        parameters: nothing; `temperature`; or `logits` and `probabilities`, the corners of a rising line.
    """

    method: str = "none"
    parameters: Parameters = field(default_factory=dict)

    def apply(self, logits: ArrayLike) -> NDArray[np.float64]:
        """Returns calibrated probabilities, of the shape of the logits; NaN stays NaN."""
        array = np.asarray(logits, dtype=np.float64)
        if self.method == "temperature":
            return expit(array / self.parameters["temperature"])
        if self.method == "isotonic":
            return np.interp(array, np.array(self.parameters["logits"]), np.array(self.parameters["probabilities"]))
        return expit(array)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values, as JSON can hold them."""
        return {"method": self.method, "parameters": dict(self.parameters)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Calibrator":
        """Returns the calibrator that `to_dict` wrote.

        Raises:
            ValueError: if the method is unknown or a parameter is missing.
        """
        method, parameters = values.get("method"), values.get("parameters", {})
        needed = {"none": (), "temperature": ("temperature",), "isotonic": ("logits", "probabilities")}
        if method not in needed or any(name not in parameters for name in needed[method]):
            raise ValueError(
                "calibrator: must have a method (none, temperature, isotonic) with its parameters. "
                f"Received: {dict(values)}"
            )
        return cls(method, parameters)


def validate_calibration_method(method: str) -> None:
    """Refuses an unknown method.

    Raises:
        ValueError: naming the methods that are known.
    """
    if method not in METHODS:
        raise ValueError(f"calibration: must be one of {', '.join(METHODS)}. Received: {method}")


def fit_calibrator(method: str, labels: ArrayLike, logits: ArrayLike) -> Calibrator:
    """Fits the calibration of logits on validation images.

    Args:
        method: `none` (the logistic function), `temperature` (all logits divided by one number; the order of images
            stays) or `isotonic` (any rising line; images may become equal).
        labels: (n,) array of 0/1.
        logits: (n,) array.

    Returns:
        A `Calibrator`. If no calibration can be fitted (a class is absent, a logit is not finite), it is the identity,
        with a warning: temperature 1, or `none`. The temperature is also 1, without a warning, if no
        temperature is best: if every logit has the sign of its label (the smaller, the better), or if logits are no
        better than their negatives (the larger, the better).

    Raises:
        ValueError: if the method is unknown, a label is not 0 or 1, or the lengths differ.

    Reference: Guo et al., ICML 2017 (temperature); Zadrozny & Elkan, KDD 2002 (isotonic).
    """
    validate_calibration_method(method)
    return METHODS[method](*validated_labels_scores(labels, logits))


def _none(labels: NDArray[np.int64], logits: NDArray[np.float64]) -> Calibrator:
    return Calibrator()


def _temperature(labels: NDArray[np.int64], logits: NDArray[np.float64]) -> Calibrator:
    reason = why_undefined(labels, logits)
    if reason is not None:
        warn_undefined("the temperature of calibration (1 is used)", reason)
    identity = Calibrator("temperature", {"temperature": 1.0})
    if reason is not None or not _has_best_temperature(labels, logits):
        return identity
    unit = float(np.abs(logits).max())

    def slope(inverse: float) -> float:  # of the mean log loss over the inverse temperature: it rises throughout
        return float((logits / unit * (expit(inverse * logits / unit) - labels)).mean())

    if not slope(0.0) < 0:
        return identity  # logits are no better than their negatives, but for rounding
    upper = 1.0
    while slope(upper) < 0 and upper < FARTHEST:
        upper *= 2
    # Below 0 even there, the only logits of the wrong sign are so close to 0 that they hardly count.
    inverse = upper if slope(upper) < 0 else float(brentq(slope, 0.0, upper, xtol=1e-12, rtol=1e-12))
    return Calibrator("temperature", {"temperature": unit / inverse}) if inverse > 0 else identity


def _has_best_temperature(labels: NDArray[np.int64], logits: NDArray[np.float64]) -> bool:
    """Returns whether the log loss falls from an inverse temperature of 0 on, and rises at last."""
    sides = np.where(labels == 1, logits, -logits)
    return bool(sides.sum() > 0 and (sides < 0).any())


def _isotonic(labels: NDArray[np.int64], logits: NDArray[np.float64]) -> Calibrator:
    reason = why_undefined(labels, logits)
    if reason is not None:
        warn_undefined("isotonic calibration (none is used)", reason)
        return Calibrator()
    # So many images cannot show that a probability is 0 or 1: the rule of succession bounds what they can show.
    bound = 1 / (len(labels) + 2)
    line = IsotonicRegression(y_min=bound, y_max=1 - bound, out_of_bounds="clip").fit(logits, labels)
    corners = {"logits": line.X_thresholds_.tolist(), "probabilities": line.y_thresholds_.tolist()}
    return Calibrator("isotonic", corners)


METHODS: dict[str, Callable[[NDArray[np.int64], NDArray[np.float64]], Calibrator]] = {
    "none": _none,
    "temperature": _temperature,
    "isotonic": _isotonic,
}
