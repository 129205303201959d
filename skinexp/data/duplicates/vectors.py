"""Whitened vectors of windows: distances in units of how much the images of a set differ."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skinexp.data.duplicates.views import COLOUR_WEIGHT, Floats

WIDTH = 32  # numbers a window


@dataclass(frozen=True)
class Whitening:
    """The whitening transform of a set: the mean of its vectors, and the projection."""

    middle: Floats  # (d,)
    matrix: Floats  # (d, at most WIDTH)

    def __call__(self, described: Floats) -> npt.NDArray[np.float16]:
        """Returns (..., d) vectors as (..., WIDTH), with similar variance in all directions."""
        found = np.zeros((*described.shape[:-1], WIDTH), np.float16)
        found[..., : self.matrix.shape[1]] = (described - self.middle) @ self.matrix
        return found


def whitening(sample: Floats) -> Whitening:
    """Computes a whitening transform: numbers are scaled by their deviation, principal components by theirs.

    One is added to the variance of each component, so that noise in components that hardly vary is not amplified.

    Args:
        sample: (n, d) vectors.
    """
    middle, spread = sample.mean(axis=0), sample.std(axis=0) + 1e-3
    weight = np.where(np.arange(len(middle)) < len(middle) // 2, 1, COLOUR_WEIGHT) / spread
    _, lengths, components = np.linalg.svd((sample - middle) * weight / np.sqrt(len(sample)), full_matrices=False)
    scale = 1 / np.sqrt(lengths[:WIDTH] ** 2 + 1)
    return Whitening(middle, (weight[:, None] * components[:WIDTH].T * scale).astype(np.float32))
