"""Properties of an image that should not predict malignancy: the colour of the whole image, its rim, its size.

A logistic model is fitted on each of them alone. If it predicts the label nearly as well as a network does, the network
may have learned that property instead of the lesion.
"""

import cv2
import numpy as np

RIM = 0.06  # width of the rim, as a share of a side
CORNER = 0.12  # width and height of a corner, as a share of a side


def mean_colour(images: np.ndarray) -> np.ndarray:
    """Returns (n, 6) the mean colour of (n, s, s, 3) images, and the share of each channel in it."""
    colours = _means(images)
    return np.concatenate([colours, colours / np.maximum(colours.sum(axis=1, keepdims=True), 1e-12)], axis=1)


def rim(images: np.ndarray) -> np.ndarray:
    """Returns (n, 28) colours of the four edges and four corners of (n, s, s, 3) images, and the edges' brightness.

    The colours are relative to the mean colour of the image: else the rim would contain the mean colour.
    """
    side = images.shape[1]
    edge, corner = max(1, round(RIM * side)), max(1, round(CORNER * side))
    edges = [images[:, :edge], images[:, -edge:], images[:, :, :edge], images[:, :, -edge:]]
    ends = (slice(None, corner), slice(-corner, None))
    corners = [images[:, rows, columns] for rows in ends for columns in ends]
    colours = np.stack([_means(part) for part in (*edges, *corners)], axis=1)
    whole = _means(images)[:, None]
    brightness = colours[:, : len(edges)].mean(axis=2)
    return np.concatenate([(colours - whole).reshape(len(images), -1), brightness], axis=1)


def _means(images: np.ndarray) -> np.ndarray:
    """Returns (n, 3) mean colours."""
    return np.array([cv2.mean(image)[:3] for image in images])
