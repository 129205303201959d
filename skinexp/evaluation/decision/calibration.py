"""Calibration: the function from logits to probabilities, fitted on validation images."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq, minimize
from scipy.special import expit, log_expit
from sklearn.isotonic import IsotonicRegression

from skinexp.evaluation.cases import validated_labels_scores, warn_undefined, why_undefined
from skinexp.evaluation.metrics.recalibration import Recalibration

Parameters = Mapping[str, float | list[float]]
FARTHEST = 1e6  # of an inverse temperature, in units of one over the largest logit
CLOSE_ENOUGH = {"ftol": 1e-14, "gtol": 1e-9, "maxiter": 1_000}  # of the search for the parameters of `beta`


@dataclass(frozen=True)
class Calibrator:
    """Turns logits into probabilities; written as plain values, so that a model file can hold it.

    Attributes:
        method: `none`, `logistic`, `temperature`, `isotonic` or `beta`.
        parameters: of the method, by the names in `PARAMETERS`: `logits` and `probabilities` are the corners of a
            rising line, all others are numbers.
    """

    method: str = "none"
    parameters: Parameters = field(default_factory=dict)

    def apply(self, logits: ArrayLike) -> NDArray[np.float64]:
        """Returns calibrated probabilities, of the shape of the logits; NaN stays NaN."""
        array, given = np.asarray(logits, dtype=np.float64), self.parameters
        if self.method == "logistic":
            return expit(np.asarray(given["slope"]) * array + np.asarray(given["intercept"]))
        if self.method == "temperature":
            return expit(array / given["temperature"])
        if self.method == "isotonic":
            return np.interp(array, np.array(given["logits"]), np.array(given["probabilities"]))
        if self.method == "beta":
            below, above, shift = (np.asarray(given[name]) for name in "abc")
            # The logarithm of the probability, and minus that of its complement; 0 times infinity would be NaN.
            low = log_expit(array) * below if below else np.zeros_like(array)
            high = -log_expit(-array) * above if above else np.zeros_like(array)
            return expit(low + high + shift)
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
        if method not in PARAMETERS or any(name not in parameters for name in PARAMETERS[method]):
            raise ValueError(
                f"calibrator: must have a method ({', '.join(PARAMETERS)}) with its parameters. "
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
        method: `none` (the logistic function), `logistic` (a slope and an intercept: the logistic regression of labels
            on logits), `temperature` (all logits divided by one number: it cannot shift probabilities), `isotonic` (any
            rising line; images may become equal) or `beta` (three parameters: logits may be stretched on either side
            by another factor). The order of images stays with all but `isotonic`.
        labels: (n,) array of 0/1.
        logits: (n,) array.

    Returns:
        A `Calibrator`. If no calibration can be fitted (a class is absent, a logit is not finite), it is the identity,
        with a warning; `isotonic` is then `none`. If no slope above 0 is best, it is 1, without a warning, and the
        intercept alone is fitted; so it is with `beta`, and the temperature is 1. No slope is best if one threshold
        separates the classes (the steeper, the better), or if logits are no better than their negatives (the flatter,
        the better).

    Raises:
        ValueError: if the method is unknown, a label is not 0 or 1, or the lengths differ.

    Reference: Cox, Biometrika 45 (1958), and Van Calster et al., Journal of Clinical Epidemiology 74 (2016)
    (logistic); Guo et al., ICML 2017 (temperature); Zadrozny & Elkan, KDD 2002 (isotonic); Kull, Silva Filho & Flach,
    Electronic Journal of Statistics 11 (2017) (beta).
    """
    validate_calibration_method(method)
    return METHODS[method](*validated_labels_scores(labels, logits))


def _none(labels: NDArray[np.int64], logits: NDArray[np.float64]) -> Calibrator:
    return Calibrator()


def _logistic(labels: NDArray[np.int64], logits: NDArray[np.float64]) -> Calibrator:
    reason = why_undefined(labels, logits)
    if reason is not None:
        warn_undefined("logistic recalibration (none is made)", reason)
        return Calibrator("logistic", {"slope": 1.0, "intercept": 0.0})
    line = _rising_line(labels, logits)
    slope, intercept = (1.0, _shift(labels, logits)) if line is None else line
    return Calibrator("logistic", {"slope": slope, "intercept": intercept})


def _rising_line(labels: NDArray[np.int64], logits: NDArray[np.float64]) -> tuple[float, float] | None:
    """Returns slope and intercept of the logistic regression of labels on logits; None if no slope above 0 is best."""
    slope, intercept = Recalibration(labels, logits).line()
    return (slope, intercept) if slope > 0 and math.isfinite(slope) and math.isfinite(intercept) else None


def _shift(labels: NDArray[np.int64], logits: NDArray[np.float64]) -> float:
    """Returns what must be added to every logit so that the mean probability is the share of malignant images."""
    shift = float(Recalibration(labels, logits)(np.ones((1, len(labels))))[1][0])
    return shift if math.isfinite(shift) else 0.0


def _beta(labels: NDArray[np.int64], logits: NDArray[np.float64]) -> Calibrator:
    reason = why_undefined(labels, logits)
    if reason is not None:
        warn_undefined("beta calibration (none is made)", reason)
        return Calibrator("beta", {"a": 1.0, "b": 1.0, "c": 0.0})
    line = _rising_line(labels, logits)
    if line is None:
        return Calibrator("beta", {"a": 1.0, "b": 1.0, "c": _shift(labels, logits)})
    # With a = b it is the line above, at which the search for something better begins.
    columns = np.column_stack([log_expit(logits), -log_expit(-logits), np.ones_like(logits)])
    unit = np.maximum(np.abs(columns).max(axis=0), np.finfo(np.float64).tiny)

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:  # mean log loss, and its gradient
        calibrated = columns / unit @ parameters
        gap = expit(calibrated) - labels
        surprise = -log_expit(np.where(labels == 1, calibrated, -calibrated))
        return float(surprise.mean()), (gap[:, None] * columns / unit).mean(axis=0)

    start = np.array([line[0], line[0], line[1]]) * unit
    bounds = [(0, None), (0, None), (None, None)]  # a negative a or b would turn images round
    found: NDArray[np.float64] = minimize(  # type: ignore[call-overload]
        loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=CLOSE_ENOUGH
    ).x
    best = found if np.isfinite(found).all() and found[:2].sum() > 0 and loss(found)[0] <= loss(start)[0] else start
    return Calibrator("beta", dict(zip("abc", (best / unit).tolist(), strict=True)))


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
    "logistic": _logistic,
    "temperature": _temperature,
    "isotonic": _isotonic,
    "beta": _beta,
}
PARAMETERS: dict[str, tuple[str, ...]] = {
    "none": (),
    "logistic": ("slope", "intercept"),
    "temperature": ("temperature",),
    "isotonic": ("logits", "probabilities"),
    "beta": ("a", "b", "c"),
}
