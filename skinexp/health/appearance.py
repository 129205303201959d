"""What a picture looks like in forty-odd plain numbers: colours, rings, texture, asymmetry.

Enough to tell benign from malignant lesions far better than chance, so that it shows whether labels belong to images at
all, without any network.
"""

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

RINGS = (0.0, 0.25, 0.5, 0.75, 1.0)  # of half a side, around the middle
PERCENTILES = (2, 10, 25, 50, 75, 90, 98)
SCALES = (1, 2, 4)  # that a picture is made smaller by


def describe(images: np.ndarray) -> NDArray[np.float64]:
    """(n, k) numbers about (n, s, s, 3) images in any range."""
    side = images.shape[1]
    across = np.arange(side) - (side - 1) / 2
    radius = np.hypot(across[:, None], across[None, :]) / (side / 2)
    rings = [(radius >= inner) & (radius < outer) for inner, outer in pairwise(RINGS)]
    return np.array([_describe(image.astype(np.float32), rings) for image in images])


def _describe(image: np.ndarray, rings: list[np.ndarray]) -> list[float]:
    grey = image.mean(axis=2)
    colours = image.reshape(-1, 3)
    casts = (image - grey[..., None]).reshape(-1, 3)
    values = [*colours.mean(axis=0), *colours.std(axis=0), *casts.std(axis=0), *np.percentile(grey, PERCENTILES)]
    for ring in rings:
        values += [*image[ring].mean(axis=0), grey[ring].std()]
    for scale in SCALES:
        size = (max(2, grey.shape[1] // scale), max(2, grey.shape[0] // scale))
        smaller = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        steps = np.abs(np.diff(smaller, axis=0)).mean() + np.abs(np.diff(smaller, axis=1)).mean()
        values += [np.log1p(np.abs(cv2.Laplacian(smaller, cv2.CV_32F)).mean()), np.log1p(steps)]
    values += [np.abs(grey - grey[::-1]).mean(), np.abs(grey - grey[:, ::-1]).mean()]
    return [float(value) for value in values]
