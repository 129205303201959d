"""Domain shift: how far new images are from the training images, by pooled features and by colour statistics.

A distance is measured in the principal directions of the training images' features, each in units of its own standard
deviation, and all others in units of theirs in the mean (probabilistic PCA; Tipping & Bishop, J. R. Stat. Soc. B 61,
1999): a full covariance cannot be learned from some hundred images of a thousand features. Validation images,
which were not trained on either, define what is far.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

DIRECTIONS = 32  # principal directions at most, and no more than one for each IMAGES_EACH images
IMAGES_EACH = 8
FAR = 0.95  # quantile of the validation images' distances beyond which an image is far
FLOOR = 1e-6  # of a variance, relative to the features' mean square: a collapsed network's features do not vary
SURE = 0.01  # chance at most that so many far images are there by chance, for a shift to be reported
MORE = 2.0  # times as many far images as there are among validation images, at least, for a shift to be reported
LOOKS = ("red", "green", "blue", "contrast")  # means of the channels, and standard deviation of the grey values


@dataclass(frozen=True)
class Reference:
    """Statistics of the training images.

    Attributes:
        mean: (c,) of the features.
        directions: (r, c) principal directions, orthonormal rows.
        variances: (r,) along them.
        rest: variance in each other direction.
        distances: (101,) percentiles of the validation images' distances.
        looks: (2, 4) mean and standard deviation over images of what `LOOKS` names.
        seen: (n,) what names the images of training and validation, sorted; empty if that is unknown.
    """

    mean: NDArray[np.float32]
    directions: NDArray[np.float32]
    variances: NDArray[np.float32]
    rest: float
    distances: NDArray[np.float32]
    looks: NDArray[np.float32]
    seen: NDArray[np.uint64]

    @property
    def limit(self) -> float:
        """Returns the distance from which on an image is far."""
        return float(np.interp(FAR, np.linspace(0, 1, len(self.distances)), self.distances))

    def distance(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Returns (n,) distances of (n, c) features from the training images' mean."""
        return _distance(self.mean, self.directions, self.variances, self.rest, features)


@dataclass(frozen=True)
class Shift:
    """How new images differ from the training images.

    Attributes:
        far: share of images that are farther from the training images than `FAR` of the validation images.
        median_distance: of the new images, and of the validation images.
        is_shift: whether far images are more than chance would have among images like those of validation.
        looks: mean of the new images, mean of the training images, and their difference in standard deviations of the
            latter, by what `LOOKS` names, and for `brightness`, the mean of the channels.
        seen: how many of the images were in training or validation.
        images: how many there are.
    """

    far: float
    median_distance: float
    median_distance_validation: float
    is_shift: bool
    looks: dict[str, tuple[float, float, float]]
    seen: int
    images: int


def fit(
    training: NDArray[np.float32],
    validation: NDArray[np.float32],
    looks: NDArray[np.float64],
    seen: NDArray[np.uint64],
) -> Reference | None:
    """Fits the statistics of the training images.

    Args:
        training: (n, c) pooled features of training images.
        validation: (m, c) those of validation images.
        looks: (n, 4) `looks_of` the training images.
        seen: names of the images of training and validation, as numbers.

    Returns:
        None if a feature is not finite, or there are too few images.
    """
    if len(training) < 2 or len(validation) < 1 or not (np.isfinite(training).all() and np.isfinite(validation).all()):
        return None
    mean = training.mean(axis=0, dtype=np.float64)
    centred = training - mean
    variances, directions = _principal(centred)
    kept = max(1, min(DIRECTIONS, len(training) // IMAGES_EACH, len(variances)))
    floor = FLOOR * float(np.mean(np.square(training, dtype=np.float64))) + np.finfo(np.float32).tiny
    rest = float(variances[kept:].sum()) / max(1, training.shape[1] - kept)
    learned = (
        mean.astype(np.float32),
        directions[:kept].astype(np.float32),
        np.maximum(variances[:kept], floor).astype(np.float32),
        max(rest, floor),
    )
    distances = np.quantile(_distance(*learned, validation), np.linspace(0, 1, 101)).astype(np.float32)
    spread = np.stack([looks.mean(axis=0), looks.std(axis=0)]).astype(np.float32)
    return Reference(*learned, distances, spread, np.sort(seen))


def shift(
    reference: Reference, features: NDArray[np.float32], looks: NDArray[np.float64], names: NDArray[np.uint64]
) -> Shift:
    """Compares new images with what is kept of the training images.

    Args:
        features: (n, c) pooled features.
        looks: (n, 4) `looks_of` the images.
        names: (n,) of the images, in the numbers of `Reference.seen`.
    """
    distances = reference.distance(features)
    far = int((distances > reference.limit).sum())
    expected = 1 - FAR
    chance = binomtest(far, len(distances), expected, alternative="greater").pvalue
    share = far / len(distances)
    return Shift(
        far=share,
        median_distance=float(np.median(distances)),
        median_distance_validation=float(np.median(reference.distances)),
        is_shift=bool(chance < SURE and share >= MORE * expected),
        looks=_looks(reference, looks),
        seen=int(np.isin(names, reference.seen).sum()),
        images=len(distances),
    )


def looks_of(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Returns (n, 4) the colour statistics `LOOKS`, in grey levels, of (n, s, s, 3) images in 0..255."""
    channels = images.mean(axis=(1, 2), dtype=np.float64)
    contrast = images.mean(axis=3, dtype=np.float32).std(axis=(1, 2), dtype=np.float64)
    return np.column_stack([channels, contrast])


def _principal(centred: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(r,) variances along the principal directions, the largest first, and (r, c) these directions.

    From the products of images with each other where there are fewer of these than features: a decomposition of the
    features themselves takes ten times as long. A direction in which nothing varies is 0.
    """
    if centred.shape[0] >= centred.shape[1]:
        _, singular, directions = np.linalg.svd(centred, full_matrices=False)
    else:
        squares, vectors = np.linalg.eigh(centred @ centred.T)  # the smallest first
        singular = np.sqrt(np.maximum(squares[::-1], 0))
        along = vectors.T[::-1] @ centred
        directions = np.divide(along, singular[:, None], out=np.zeros_like(along), where=singular[:, None] > 0)
    return singular**2 / (len(centred) - 1), directions


def _distance(
    mean: NDArray[np.float32],
    directions: NDArray[np.float32],
    variances: NDArray[np.float32],
    rest: float,
    features: NDArray[np.float32],
) -> NDArray[np.float64]:
    centred = features.astype(np.float64) - mean
    along = centred @ directions.T
    across = centred - along @ directions
    return np.sqrt((np.square(along) / variances).sum(axis=1) + np.square(across).sum(axis=1) / rest)


def _looks(reference: Reference, looks: NDArray[np.float64]) -> dict[str, tuple[float, float, float]]:
    now = dict(zip(LOOKS, looks.mean(axis=0), strict=True))
    before = dict(zip(LOOKS, reference.looks[0].astype(float), strict=True))
    spread = dict(zip(LOOKS, reference.looks[1].astype(float), strict=True))
    for values in (now, before, spread):
        values["brightness"] = (values["red"] + values["green"] + values["blue"]) / 3
    return {
        name: (float(now[name]), float(before[name]), float((now[name] - before[name]) / max(spread[name], 1e-6)))
        for name in now
    }
