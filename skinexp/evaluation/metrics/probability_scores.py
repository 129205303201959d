"""Scores of calibration: how far probabilities are from outcomes, one by one and on average."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, log_expit

from skinexp.evaluation.cases import validated_labels_probabilities, warn_undefined, why_undefined
from skinexp.evaluation.metrics.count_scores import ratio
from skinexp.evaluation.metrics.recalibration import Recalibration

BINS = 15  # of equal width in 0..1, as most papers on neural networks have it
PROBABILITY_SCORES = (
    *("brier", "brier_skill_score", "log_loss", "ece", "calibration_slope", "calibration_intercept"),
    "observed_expected_ratio",
)
NOISE = "ece_noise"
BEFORE_BINS = 5  # sums of images, squared gaps, surprise, malignant images and probabilities
CLOSEST = float(np.finfo(np.float64).eps)  # to 0 and 1: log loss and logit are finite from here on
SAME = 1e-4  # difference of a probability from that of its logit, by rounding in the network
FARTHEST = 700.0  # logit in a regression: the odds of a larger one are not finite


def probability_bins(probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
    """Returns the bin of each probability; a probability on an edge belongs to the bin below, as in scikit-learn."""
    return np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], probabilities).astype(np.int64)


class ProbabilityScorer:
    """The scores of the same probabilities under many weightings at once."""

    def __init__(self, labels: ArrayLike, probabilities: ArrayLike, logits: ArrayLike | None = None) -> None:
        """Works out each image's part in each score.

        Args:
            labels: (n,) array of 0/1.
            probabilities: (n,) array in 0..1, without NaN.
            logits: (n,) whose logistic function the probabilities are, if they are known: a float32 probability of a
                logit above 17 is 1, and its log loss unknown. Logits of other probabilities are not used.

        Raises:
            ValueError: if a label is not 0 or 1, a probability lies outside 0..1, or the lengths differ.
        """
        label_array, probability_array = validated_labels_probabilities(labels, probabilities)
        logit_array = _logits(probability_array, logits)
        gap = probability_array - label_array
        in_bin = probability_bins(probability_array)[:, None] == np.arange(BINS)
        inside = np.clip(probability_array, CLOSEST, 1 - CLOSEST)
        surprise = -log_expit(np.where(label_array == 1, logit_array, -logit_array))
        parts = [np.ones(len(gap)), gap**2, surprise, label_array, inside, in_bin * gap[:, None]]
        self._parts = np.column_stack(parts)
        self._bin_means = self._parts[:, BEFORE_BINS:].mean(axis=0) if len(gap) else np.full(BINS, np.nan)
        self._recalibration = Recalibration(label_array, np.clip(logit_array, -FARTHEST, FARTHEST))

    def __call__(self, weights: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Returns each score as a (weightings,) array, and how far a weighting's bins are from those of all images.

        Args:
            weights: (weightings, n) how often each image counts.
        """
        sums = weights @ self._parts
        images, malignant, bins = sums[:, 0], sums[:, 3], sums[:, BEFORE_BINS:]
        slope, intercept = self._recalibration(weights)
        return {
            "brier": sums[:, 1] / images,
            # Beside the share of malignant images as the probability of each: its Brier score is share * (1 - share).
            "brier_skill_score": 1 - ratio(sums[:, 1] * images, malignant * (images - malignant)),
            "log_loss": sums[:, 2] / images,
            # Mean gap between probability and outcome in each bin, weighted by its images: these cancel.
            "ece": np.abs(bins).sum(axis=1) / images,
            NOISE: np.abs(bins - images[:, None] * self._bin_means).sum(axis=1) / images,
            "calibration_slope": slope,
            "calibration_intercept": intercept,
            "observed_expected_ratio": malignant / sums[:, 4],
        }


def probability_scores(
    labels: ArrayLike, probabilities: ArrayLike, logits: ArrayLike | None = None
) -> dict[str, float]:
    """Returns how far probabilities are from outcomes.

    Args:
        labels: (n,) array of 0/1.
        probabilities: (n,) array in 0..1.
        logits: (n,) whose logistic function the probabilities are: see `ProbabilityScorer`.

    Returns:
        `brier` (mean squared difference), `brier_skill_score` (1 less the Brier score over that of the share of
        malignant images as the probability of each image: 1 is perfect, 0 no better than that share), `log_loss` (mean
        negative logarithm of the probability given to what came true, from logits if they are given, else clipped at
        2e-16), `ece` (expected calibration error over 15 bins of equal width), `calibration_slope` (1 where logits are
        as far apart as they should be, below 1 where they are too extreme), `calibration_intercept` (0 where
        probabilities are right on average; above 0 where they are too low) and `observed_expected_ratio` (malignant
        images over the sum of probabilities: 1 where probabilities are right on average, above 1 where they are too
        low). NaN, with a warning, if a class is absent or a probability is NaN. Slope and intercept may be NaN by
        themselves: see `Recalibration`.

    Raises:
        ValueError: if a label is not 0 or 1, a probability lies outside 0..1, or the lengths differ.

    Reference: Guo et al., ICML 2017 (expected calibration error); Cox, Biometrika 45 (1958) (slope and intercept);
    Steyerberg et al., Epidemiology 21 (2010) (scaled Brier score).
    """
    label_array, probability_array = validated_labels_probabilities(labels, probabilities)
    reason = why_undefined(label_array, probability_array)
    if reason is not None:
        warn_undefined("calibration", reason)
        return dict.fromkeys(PROBABILITY_SCORES, math.nan)
    scores = ProbabilityScorer(label_array, probability_array, logits)(np.ones((1, len(label_array))))
    return {name: float(scores[name][0]) for name in PROBABILITY_SCORES}


def _logits(probabilities: NDArray[np.float64], logits: ArrayLike | None) -> NDArray[np.float64]:
    """Returns the logits of probabilities: those that are given, if they belong to them."""
    given = None if logits is None else np.asarray(logits, dtype=np.float64)
    if given is not None and np.isfinite(given).all() and np.allclose(expit(given), probabilities, rtol=0, atol=SAME):
        return given
    inside = np.clip(probabilities, CLOSEST, 1 - CLOSEST)  # one certain and wrong image is not infinitely bad
    return np.log(inside) - np.log1p(-inside)
