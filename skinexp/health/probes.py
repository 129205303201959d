"""Probes: functions from arrays to numbers. Each measures one sign of a fault; none judges.

A number that is not defined (a class is absent, nothing varies) is NaN, which rules take as missing evidence.
"""

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, kolmogorov
from scipy.stats import rankdata
from sklearn import config_context
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from threadpoolctl import ThreadpoolController

from skinexp.data.audit.photographs import BLACK, DARK

FOLDS = 5
STRENGTH = 4.0  # C of the logistic probe, divided by the number of features: more features are penalised more
SAMPLED = 20_000  # values of a kernel that are compared with its initializer's: fewer do not show short trainings
SMALLEST = 1e-12  # standard deviation over mean: below it, a feature varies by rounding only
FEW = 0.001  # share of the pixels: an image is as bright as the level that so many reach
SAME = 0.001  # p-value above which two samples count as drawn from one distribution


# --- features and logits ----------------------------------------------------------------------------------------------


def mean_pairwise_cosine(features: ArrayLike) -> float:
    """Returns the mean cosine between the features of two images; 1 if all images have the same features.

    Args:
        features: (n, c) pooled features.

    Returns:
        NaN if there are fewer than two images or a feature is not finite.
    """
    vectors = np.asarray(features, np.float64)
    n = len(vectors)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if n < 2 or not np.isfinite(lengths).all():
        return math.nan
    # Two images whose features are all zero count as cosine 1; one such image and another one count as 0.
    units = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    zeros = int((lengths == 0).sum())
    total = np.square(units.sum(axis=0)).sum() - np.square(units).sum() + zeros * (zeros - 1)
    return float(total / (n * (n - 1)))


def effective_rank(features: ArrayLike) -> float:
    """Returns the number of directions in which features vary: exp of the entropy of the squared singular values.

    Args:
        features: (n, c) pooled features.

    Returns:
        0 if nothing varies, NaN if a feature is not finite.

    Reference: Roy and Vetterli, The effective rank, EUSIPCO 2007.
    """
    centred = np.asarray(features, np.float64)
    if not np.isfinite(centred).all():
        return math.nan
    centred = centred - centred.mean(axis=0)
    with _one_thread():
        products = centred @ centred.T if len(centred) < centred.shape[1] else centred.T @ centred
        energy = np.linalg.eigvalsh(products).clip(min=0)  # the squared singular values, and rounding errors around 0
    if not energy.sum() > 0:
        return 0.0
    shares = energy / energy.sum()
    shares = shares[shares > 0]
    return float(np.exp(-(shares * np.log(shares)).sum()))


def logistic_probe_auc(features: ArrayLike, labels: ArrayLike, groups: ArrayLike, seed: int = 0) -> float:
    """Returns the cross-validated ROC-AUC of a logistic model on standardised features.

    It shows whether the features contain information on the label. Standardising removes the scale of each feature, so
    that the probe finds information that a head at its learning rate may not be able to use.

    Args:
        features: (n, c).
        labels: (n,) 0/1.
        groups: (n,) images of one group are never on both sides of a fold.
        seed: of the folds.

    Returns:
        NaN if a class has fewer images than there are folds, or the features are not finite or do not vary.
    """
    values, classes = _usable(features), np.asarray(labels)
    if values is None or min(np.bincount(classes, minlength=2)) < FOLDS:
        return math.nan
    grouped = len(np.unique(np.asarray(groups))) < len(classes)
    splitter = StratifiedGroupKFold if grouped else StratifiedKFold  # the latter is ten times as fast
    folds = splitter(FOLDS, shuffle=True, random_state=seed)
    with warnings.catch_warnings(), _one_thread_without_checks():
        warnings.simplefilter("ignore")  # a poor fit to features that hardly vary does no harm
        (rotated,) = _standardised(values)
        areas = [
            auc(classes[held_out], _scores(rotated[fitted], classes[fitted], rotated[held_out], values.shape[1]))
            for fitted, held_out in folds.split(values, classes, groups)
            if len(np.unique(classes[fitted])) == 2
        ]
    return (
        math.nan if np.isnan(areas).all() else float(np.nanmean(areas))
    )  # folds without one of the classes are skipped


def transferred_probe_auc(features: ArrayLike, labels: ArrayLike, others: ArrayLike, other_labels: ArrayLike) -> float:
    """Returns the ROC-AUC of the logistic probe that is fitted on some images and scored on others.

    It is far below 0.5 if the labels of one part are inverted.

    Args:
        features: (n, c) to fit on.
        labels: (n,) 0/1.
        others: (m, c) to score.
        other_labels: (m,) 0/1.

    Returns:
        NaN if a class is absent in a part, or the features are not finite or do not vary.
    """
    fitted, scored = _usable(features), _usable(others)
    if fitted is None or scored is None or min(len(np.unique(labels)), len(np.unique(other_labels))) < 2:
        return math.nan
    with _one_thread_without_checks():
        known, others = _standardised(fitted, scored)
        return auc(other_labels, _scores(known, np.asarray(labels), others, fitted.shape[1]))


def auc(labels: ArrayLike, logits: ArrayLike) -> float:
    """Returns the ROC-AUC by ranks (Mann-Whitney).

    Args:
        labels: (n,) 0/1.
        logits: (n,).

    Returns:
        NaN if a class is absent or a logit is not finite.
    """
    classes, scores = np.asarray(labels, bool), np.asarray(logits, np.float64)
    positive, negative = int(classes.sum()), int((~classes).sum())
    if not (positive and negative and np.isfinite(scores).all()):
        return math.nan
    above = (
        rankdata(scores)[classes].sum() - positive * (positive + 1) / 2
    )  # pairs in the right order; a tie counts half
    return float(above / (positive * negative))


def chance_error(labels: ArrayLike) -> float:
    """Returns the standard error of the ROC-AUC of random scores (Mann-Whitney, no ties).

    Args:
        labels: (n,) 0/1.

    Returns:
        NaN if a class is absent.
    """
    negative, positive = np.bincount(np.asarray(labels, int), minlength=2)
    if not (negative and positive):
        return math.nan
    return math.sqrt((negative + positive + 1) / (12 * negative * positive))


def prior_entropy(labels: ArrayLike) -> float:
    """Returns the entropy of the labels in nats: the cross-entropy of the best constant prediction.

    Args:
        labels: (n,) 0/1.
    """
    share = float(np.mean(np.asarray(labels)))
    return -sum(part * math.log(part) for part in (share, 1 - share) if part > 0)


def cross_entropy(labels: ArrayLike, logits: ArrayLike) -> float:
    """Returns the mean binary cross-entropy in nats.

    Args:
        labels: (n,) 0/1.
        logits: (n,).

    Returns:
        NaN if a logit is not finite.
    """
    classes, scores = np.asarray(labels, np.float64), np.asarray(logits, np.float64)
    if not np.isfinite(scores).all():
        return math.nan
    return float(np.mean(np.logaddexp(0, scores) - classes * scores))


def predicted_positive(logits: ArrayLike) -> float:
    """Returns the share of images that are predicted malignant at threshold 0.5.

    Args:
        logits: (n,).
    """
    return float(np.mean(expit(np.asarray(logits, np.float64)) >= 0.5))


# --- units, gradients, weights ----------------------------------------------------------------------------------------


def dead_share(largest: ArrayLike) -> float:
    """Returns the share of a rectified layer's units that are 0 for every image.

    Args:
        largest: (units,) the largest activation of each unit over images and positions.
    """
    return float(np.mean(np.asarray(largest) <= 0))


def relative_norms(changes: Sequence[np.ndarray], weights: Sequence[np.ndarray]) -> NDArray[np.float64]:
    """Returns (k,) norms of gradients or updates, each in units of the norm of its weights.

    Args:
        changes: k gradients or updates.
        weights: k arrays of weights, in the same order.
    """
    return np.array(
        [_norm(change) / max(_norm(weight), 1e-12) for change, weight in zip(changes, weights, strict=True)]
    )


def nonfinite_count(arrays: Sequence[np.ndarray]) -> int:
    """Returns the number of values that are NaN or infinite."""
    floats = [array for array in arrays if np.asarray(array).dtype.kind == "f"]  # integers are always finite
    return sum(int(np.size(array) - np.isfinite(array).sum()) for array in floats)


def looks_initialised(kernel: np.ndarray, drawn: np.ndarray, seed: int = 0) -> bool:
    """Returns whether a kernel could come from its initializer (Kolmogorov-Smirnov test), and so was never trained.

    Args:
        kernel: the weights.
        drawn: a sample of the initializer, of the same shape.
        seed: of the choice of values that are compared.
    """
    count = min(SAMPLED, kernel.size)
    choice = np.random.default_rng(seed).choice(kernel.size, count, replace=False, shuffle=False)
    samples = [np.sort(values.ravel()[choice]) for values in (kernel, drawn)]
    shares = [np.searchsorted(sample, np.concatenate(samples), side="right") / count for sample in samples]
    apart = np.abs(shares[0] - shares[1]).max()
    return bool(
        kolmogorov(math.sqrt(count / 2) * apart) > SAME
    )  # for large samples; scipy's exact one takes ten times as long


def remaining_start(momentum: float, updates: int) -> float:
    """Returns the weight of the initial value in a running average, 0..1.

    Args:
        momentum: of the running average.
        updates: number of updates.
    """
    return float(momentum**updates)


# --- images -----------------------------------------------------------------------------------------------------------


def dark_share(images: ArrayLike) -> float:
    """Returns the share of (n, s, s, 3) images that are nearly black, but not of one colour.

    Args:
        images: in the range 0 to 255; in any other, brighter pixels than `BLACK` are missing, and nothing is dark.
    """
    pixels = np.asarray(images)[:, ::2, ::2]
    shows_something, is_bright = (np.mean(level, axis=(1, 2, 3)) >= FEW for level in (pixels > BLACK, pixels >= DARK))
    return float(np.mean(shows_something & ~is_bright))


def constant_share(images: np.ndarray) -> float:
    """Returns the share of images of one colour: their standard deviation is below 1 % of the range of all images.

    Args:
        images: (n, h, w, 3).
    """
    span = float(images.max()) - float(images.min())
    return float(np.mean([cv2.meanStdDev(image)[1].max() <= 0.01 * span for image in images]))


def noise_share(images: np.ndarray) -> float:
    """Returns the share of images that are noise: neighbouring pixels have a correlation below 0.5.

    Args:
        images: (n, h, w, 3).
    """
    return float(np.mean([_is_noise(image) for image in images]))


def _is_noise(image: np.ndarray) -> bool:
    grey = cv2.transform(image[::2].astype(np.float32), np.full((1, 3), 1 / 3))  # every other row is enough
    centred = grey - grey.mean()
    together, alone = (centred[:, 1:] * centred[:, :-1]).mean(), np.square(centred).mean()
    return bool(together < 0.5 * alone)


def duplicate_share(images: np.ndarray) -> float:
    """Returns the share of images that are equal, pixel by pixel, to an earlier one.

    Args:
        images: (n, h, w, 3).
    """
    return 1 - len({image.tobytes() for image in images}) / len(images)


def relative_error(actual: ArrayLike, expected: ArrayLike) -> float:
    """Returns the root mean square of the difference, in standard deviations of the expected values."""
    wanted = np.asarray(expected, np.float64)
    error = math.sqrt(float(np.mean(np.square(np.asarray(actual, np.float64) - wanted))))
    return error / max(float(wanted.std()), 1e-12)


def _standardised(features: np.ndarray, *others: np.ndarray) -> list[NDArray[np.float64]]:
    """Returns (n, k) standardised features, and others that are scaled by the same means and deviations.

    The penalised solution of a probe lies in the space that the images span. Rotated into the axes of that space,
    thousands of features become as few as there are images: few enough for Newton's method.
    """
    images, width = features.shape
    mean, spread = features.mean(axis=0), features.std(axis=0)
    spread[spread <= SMALLEST * np.abs(mean)] = 1.0  # varies by rounding only
    parts = [(part - mean) / spread for part in (features, *others)]
    if width <= images / 2:
        return parts  # a rotation would not reduce their number
    axes = np.linalg.qr(parts[0].T)[0]
    return [part @ axes for part in parts]


def _scores(features: np.ndarray, labels: np.ndarray, others: np.ndarray, width: int) -> NDArray[np.float64]:
    """Returns (m,) scores of a penalised logistic model.

    It is fitted without scikit-learn's pipelines and their checks, which take longer than the fit.

    Args:
        features: (n, k) standardised features to fit on.
        labels: (n,) 0/1.
        others: (m, k) standardised features to score.
        width: number of features before they were rotated.
    """
    model = LogisticRegression(C=STRENGTH / width, solver="newton-cholesky")
    return model.fit(features, labels).decision_function(others)


def _one_thread() -> AbstractContextManager[None]:
    """Returns a context in which libraries of linear algebra compute in one thread."""
    return _pools().limit(limits=1)


@cache
def _pools() -> ThreadpoolController:
    """Returns the thread pools of this process; finding them takes as long as fitting a probe."""
    return ThreadpoolController()


@contextmanager
def _one_thread_without_checks() -> Iterator[None]:
    """Lets scikit-learn compute in one thread and skip the checks of its arguments, inside the `with` block.

    The probes are small: threads would wait for each other longer than they compute.
    """
    with _one_thread(), config_context(assume_finite=True, skip_parameter_validation=True):
        yield


def _usable(features: ArrayLike) -> NDArray[np.float64] | None:
    """Returns the features if they are finite and vary, else None."""
    values = np.asarray(features, np.float64)
    return values if np.isfinite(values).all() and np.ptp(values, axis=0).any() else None


def _norm(array: np.ndarray) -> float:
    with np.errstate(over="ignore"):
        length = float(np.linalg.norm(np.asarray(array).ravel()))
    return length if math.isfinite(length) else float(np.linalg.norm(np.asarray(array, np.float64).ravel()))
