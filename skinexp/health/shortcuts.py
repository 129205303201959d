"""What should not tell a benign lesion from a malignant one: the colour of the whole picture, its rim, its size.

Each of them is all that a logistic model gets to see. Where one predicts the label nearly as well as a network does,
the network may have learned that instead of the lesion.
"""

import cv2
import numpy as np

RIM = 0.06  # of a side: how wide the rim of a picture is
CORNER = 0.12  # of a side: a corner


def mean_colour(images: np.ndarray) -> np.ndarray:
    """(n, 6) mean colour of (n, s, s, 3) images, and the share that each channel has in it."""
    colours = _means(images)
    return np.concatenate([colours, colours / np.maximum(colours.sum(axis=1, keepdims=True), 1e-12)], axis=1)


def rim(images: np.ndarray) -> np.ndarray:
    """(n, 28) colours of the four edges and the four corners of (n, s, s, 3) images, less those of the whole picture,
    and how dark the edges are.

    Less the whole picture's: else a rim would tell what the mean colour tells.
    """
    side = images.shape[1]
    edge, corner = max(1, round(RIM * side)), max(1, round(CORNER * side))
    edges = [images[:, :edge], images[:, -edge:], images[:, :, :edge], images[:, :, -edge:]]
    ends = (slice(None, corner), slice(-corner, None))
    corners = [images[:, rows, columns] for rows in ends for columns in ends]
    colours = np.stack([_means(part) for part in (*edges, *corners)], axis=1)
    whole = _means(images)[:, None]
    darkness = colours[:, : len(edges)].mean(axis=2)
    return np.concatenate([(colours - whole).reshape(len(images), -1), darkness], axis=1)


def _means(images: np.ndarray) -> np.ndarray:
    """(n, 3) mean colours."""
    return np.array([cv2.mean(image)[:3] for image in images])
