"""Probes: arrays in, numbers out. Each measures one thing that a cause of failure leaves behind; none judges.

Numbers that cannot be computed (a class is absent, nothing varies) are NaN: rules take NaN for no evidence.
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

FOLDS = 5
STRENGTH = 4.0  # C of the logistic probe, shared out among the features: the more there are, the less each may say
SAMPLED = 20_000  # values of a kernel that are compared with its initializer's: fewer do not show short trainings
SMALLEST = 1e-12  # spread, in units of the mean: less is rounding
SAME = 0.001  # p-value above which two samples count as drawn from one distribution


# --- features and logits ----------------------------------------------------------------------------------------------


def mean_pairwise_cosine(features: ArrayLike) -> float:
    """Mean cosine of the angles between the features of different images; 1 where all images look alike.

    Args:
        features: (n, c) pooled features.
    """
    vectors = np.asarray(features, np.float64)
    n = len(vectors)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if n < 2 or not np.isfinite(lengths).all():
        return math.nan
    # Features that are all zero are as alike as can be: two of them count as cosine 1, one beside another as 0.
    units = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    zeros = int((lengths == 0).sum())
    total = np.square(units.sum(axis=0)).sum() - np.square(units).sum() + zeros * (zeros - 1)
    return float(total / (n * (n - 1)))


def effective_rank(features: ArrayLike) -> float:
    """How many directions the features vary in: exp of the entropy of the normalised squared singular values.

    Args:
        features: (n, c) pooled features.

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
    """ROC-AUC of a logistic model on standardised features, cross-validated: does the information exist?

    Standardising each feature undoes any scale, so that the probe finds what a head at its learning rate cannot use.

    Args:
        features: (n, c).
        labels: (n,) 0/1.
        groups: (n,) images of one group are never on both sides of a fold.
    """
    values, classes = _usable(features), np.asarray(labels)
    if values is None or min(np.bincount(classes, minlength=2)) < FOLDS:
        return math.nan
    grouped = len(np.unique(np.asarray(groups))) < len(classes)
    splitter = StratifiedGroupKFold if grouped else StratifiedKFold  # which is ten times as fast
    folds = splitter(FOLDS, shuffle=True, random_state=seed)
    with warnings.catch_warnings(), _alone():
        warnings.simplefilter("ignore")  # features that hardly vary need not be fitted well
        (turned,) = _standardised(values)
        areas = [
            auc(classes[held_out], _scores(turned[fitted], classes[fitted], turned[held_out], values.shape[1]))
            for fitted, held_out in folds.split(values, classes, groups)
            if len(np.unique(classes[fitted])) == 2
        ]
    return math.nan if np.isnan(areas).all() else float(np.nanmean(areas))  # a fold without one of the classes is none


def transferred_probe_auc(features: ArrayLike, labels: ArrayLike, others: ArrayLike, other_labels: ArrayLike) -> float:
    """ROC-AUC of the probe fitted on some images and scored on others; far below 0.5 where labels of one are turned.

    Args:
        features: (n, c) to fit on, with labels (n,).
        others: (m, c) to score, with labels (m,).
    """
    fitted, scored = _usable(features), _usable(others)
    if fitted is None or scored is None or min(len(np.unique(labels)), len(np.unique(other_labels))) < 2:
        return math.nan
    with _alone():
        known, others = _standardised(fitted, scored)
        return auc(other_labels, _scores(known, np.asarray(labels), others, fitted.shape[1]))


def auc(labels: ArrayLike, logits: ArrayLike) -> float:
    """ROC-AUC by ranks (Mann-Whitney), NaN where a class is absent or a logit is not finite."""
    classes, scores = np.asarray(labels, bool), np.asarray(logits, np.float64)
    positive, negative = int(classes.sum()), int((~classes).sum())
    if not (positive and negative and np.isfinite(scores).all()):
        return math.nan
    above = rankdata(scores)[classes].sum() - positive * (positive + 1) / 2  # pairs in the right order; a tie is half
    return float(above / (positive * negative))


def chance_error(labels: ArrayLike) -> float:
    """Standard deviation of the ROC-AUC of scores that know nothing (Mann-Whitney, no ties)."""
    negative, positive = np.bincount(np.asarray(labels, int), minlength=2)
    if not (negative and positive):
        return math.nan
    return math.sqrt((negative + positive + 1) / (12 * negative * positive))


def prior_entropy(labels: ArrayLike) -> float:
    """Cross-entropy, in nats, of the constant answer that fits best: the share of malignant images."""
    share = float(np.mean(np.asarray(labels)))
    return -sum(part * math.log(part) for part in (share, 1 - share) if part > 0)


def cross_entropy(labels: ArrayLike, logits: ArrayLike) -> float:
    """Mean binary cross-entropy in nats; NaN where a logit is not finite."""
    classes, scores = np.asarray(labels, np.float64), np.asarray(logits, np.float64)
    if not np.isfinite(scores).all():
        return math.nan
    return float(np.mean(np.logaddexp(0, scores) - classes * scores))


def predicted_positive(logits: ArrayLike) -> float:
    """Share of images that are called malignant at threshold 0.5."""
    return float(np.mean(expit(np.asarray(logits, np.float64)) >= 0.5))


# --- units, gradients, weights ----------------------------------------------------------------------------------------


def dead_share(largest: ArrayLike) -> float:
    """Share of a rectified layer's units that answer 0 to every image.

    Args:
        largest: (units,) the largest activation of each unit over images and positions.
    """
    return float(np.mean(np.asarray(largest) <= 0))


def relative_norms(changes: Sequence[np.ndarray], weights: Sequence[np.ndarray]) -> NDArray[np.float64]:
    """(k,) norms of gradients or updates, each in units of the norm of the weights it belongs to."""
    return np.array(
        [_norm(change) / max(_norm(weight), 1e-12) for change, weight in zip(changes, weights, strict=True)]
    )


def nonfinite_count(arrays: Sequence[np.ndarray]) -> int:
    """How many values are NaN or infinite."""
    floats = [array for array in arrays if np.asarray(array).dtype.kind == "f"]  # bytes are always numbers
    return sum(int(np.size(array) - np.isfinite(array).sum()) for array in floats)


def looks_initialised(kernel: np.ndarray, drawn: np.ndarray, seed: int = 0) -> bool:
    """Whether a kernel could come from its initializer (Kolmogorov-Smirnov): nobody has trained it.

    Args:
        kernel: the weights.
        drawn: a sample of the initializer, of the same shape.
    """
    count = min(SAMPLED, kernel.size)
    choice = np.random.default_rng(seed).choice(kernel.size, count, replace=False, shuffle=False)
    samples = [np.sort(values.ravel()[choice]) for values in (kernel, drawn)]
    shares = [np.searchsorted(sample, np.concatenate(samples), side="right") / count for sample in samples]
    apart = np.abs(shares[0] - shares[1]).max()
    return bool(kolmogorov(math.sqrt(count / 2) * apart) > SAME)  # in the limit of many: scipy's own takes ten times it


def remaining_start(momentum: float, updates: int) -> float:
    """How much of a running average is still its initial value, 0..1."""
    return float(momentum**updates)


# --- images -----------------------------------------------------------------------------------------------------------


def constant_share(images: np.ndarray) -> float:
    """Share of images without a picture: their standard deviation is below 1 % of the range that all of them span.

    Args:
        images: (n, h, w, 3).
    """
    span = float(images.max()) - float(images.min())
    return float(np.mean([cv2.meanStdDev(image)[1].max() <= 0.01 * span for image in images]))


def noise_share(images: np.ndarray) -> float:
    """Share of images whose neighbouring pixels have less than half of their variation in common: no photograph.

    Args:
        images: (n, h, w, 3).
    """
    return float(np.mean([_is_noise(image) for image in images]))


def _is_noise(image: np.ndarray) -> bool:
    grey = cv2.transform(image[::2].astype(np.float32), np.full((1, 3), 1 / 3))  # every other row is enough to tell
    centred = grey - grey.mean()
    together, alone = (centred[:, 1:] * centred[:, :-1]).mean(), np.square(centred).mean()
    return bool(together < 0.5 * alone)


def duplicate_share(images: np.ndarray) -> float:
    """Share of images that are equal, pixel by pixel, to one before them.

    Args:
        images: (n, h, w, 3).
    """
    return 1 - len({image.tobytes() for image in images}) / len(images)


def relative_error(actual: ArrayLike, expected: ArrayLike) -> float:
    """Root mean square of the difference, in standard deviations of what was expected."""
    wanted = np.asarray(expected, np.float64)
    error = math.sqrt(float(np.mean(np.square(np.asarray(actual, np.float64) - wanted))))
    return error / max(float(wanted.std()), 1e-12)


def _standardised(features: np.ndarray, *others: np.ndarray) -> list[NDArray[np.float64]]:
    """(n, k) standardised features, and others by the same numbers.

    The penalised solution of a probe lies in the space that the images span: turned into its axes, thousands of
    features are no more than there are images, and few enough for Newton's method.
    """
    images, width = features.shape
    mean, spread = features.mean(axis=0), features.std(axis=0)
    spread[spread <= SMALLEST * np.abs(mean)] = 1.0  # does not vary but for rounding
    parts = [(part - mean) / spread for part in (features, *others)]
    if width <= images / 2:
        return parts  # few features are no more anyhow
    axes = np.linalg.qr(parts[0].T)[0]
    return [part @ axes for part in parts]


def _scores(features: np.ndarray, labels: np.ndarray, others: np.ndarray, width: int) -> NDArray[np.float64]:
    """(m,) scores of a penalised logistic model.

    Fitted without scikit-learn's pipelines and their checks, which take longer than the fit.

    Args:
        features: (n, k) standardised ones to fit on, with labels (n,).
        others: (m, k) likewise, to score.
        width: how many features there were before they were turned.
    """
    model = LogisticRegression(C=STRENGTH / width, solver="newton-cholesky")
    return model.fit(features, labels).decision_function(others)


def _one_thread() -> AbstractContextManager[None]:
    """Inside, libraries of linear algebra compute in one thread."""
    return _pools().limit(limits=1)


@cache
def _pools() -> ThreadpoolController:
    """The thread pools of this process; looking for them takes as long as fitting a probe."""
    return ThreadpoolController()


@contextmanager
def _alone() -> Iterator[None]:
    """Inside, scikit-learn computes in one thread, and looks through no argument of ours that it has seen before.

    The probes are small: threads would wait for each other longer than they compute.
    """
    with _one_thread(), config_context(assume_finite=True, skip_parameter_validation=True):
        yield


def _usable(features: ArrayLike) -> NDArray[np.float64] | None:
    """Features that are numbers and vary, or None."""
    values = np.asarray(features, np.float64)
    return values if np.isfinite(values).all() and np.ptp(values, axis=0).any() else None


def _norm(array: np.ndarray) -> float:
    with np.errstate(over="ignore"):
        length = float(np.linalg.norm(np.asarray(array).ravel()))
    return length if math.isfinite(length) else float(np.linalg.norm(np.asarray(array, np.float64).ravel()))
