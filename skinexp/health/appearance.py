"""The appearance of an image in some forty plain numbers: colours, rings, texture, asymmetry.

They predict malignancy far better than chance, and so show without any network whether labels belong to their images.
"""

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 48  # pixels: images are reduced to this size, which is enough for these numbers
RINGS = (0.0, 0.25, 0.5, 0.75, 1.0)  # radii around the centre, in half sides
AT_ONCE = 32  # images, so that intermediate values stay in the processor's cache
PERCENTILES = (2, 10, 25, 50, 75, 90, 98)  # of the grey values
SCALES = 3  # of the texture, each half as fine as the one before


def describe(images: np.ndarray) -> NDArray[np.float32]:
    """Returns (n, k) numbers about (n, s, s, 3) images in any range."""
    starts = range(0, len(images), AT_ONCE)
    return np.concatenate([_describe(images[start : start + AT_ONCE]) for start in starts])


def _describe(images: np.ndarray) -> NDArray[np.float32]:
    size = (SIDE, SIDE)
    small = np.stack([cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in images]).astype(np.float32)
    small = np.ascontiguousarray(np.moveaxis(small, -1, 0))  # channels first: ten times as fast
    grey = small.mean(axis=0)
    ordered = np.sort(grey.reshape(len(grey), -1), axis=1)  # ten times as fast as np.percentile
    casts = small - grey
    numbers = [small.mean(axis=(2, 3)).T, small.std(axis=(2, 3)).T, casts.std(axis=(2, 3)).T]
    numbers += [ordered[:, [round(share / 100 * (ordered.shape[1] - 1)) for share in PERCENTILES]]]
    for ring in _rings():
        numbers += [small[:, :, ring].mean(axis=2).T, grey[:, ring].std(axis=1)[:, None]]
    coarse = grey
    for _ in range(SCALES):
        numbers += [np.log1p(_steps(coarse)), np.log1p(_curvature(coarse))]
        coarse = _halved(coarse)
    numbers += [np.abs(grey - mirrored).mean(axis=(1, 2))[:, None] for mirrored in (grey[:, ::-1], grey[:, :, ::-1])]
    return np.concatenate(numbers, axis=1).astype(np.float32)


def _rings() -> list[NDArray[np.bool_]]:
    across = np.arange(SIDE) - (SIDE - 1) / 2
    radius = np.hypot(across[:, None], across[None, :]) / (SIDE / 2)
    return [(radius >= inner) & (radius < outer) for inner, outer in pairwise(RINGS)]


def _halved(grey: np.ndarray) -> np.ndarray:
    """Returns (n, s / 2, s / 2) means of four neighbours."""
    return (grey[:, ::2, ::2] + grey[:, 1::2, ::2] + grey[:, ::2, 1::2] + grey[:, 1::2, 1::2]) / 4


def _steps(grey: np.ndarray) -> np.ndarray:
    """Returns (n, 1) the mean difference of neighbours in (n, s, s) images."""
    down, right = np.abs(np.diff(grey, axis=1)), np.abs(np.diff(grey, axis=2))
    return (down.mean(axis=(1, 2)) + right.mean(axis=(1, 2)))[:, None]


def _curvature(grey: np.ndarray) -> np.ndarray:
    """Returns (n, 1) the mean absolute Laplacian of (n, s, s) images."""
    inner = grey[:, 1:-1, 1:-1]
    around = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    return np.abs(around - 4 * inner).mean(axis=(1, 2))[:, None]
