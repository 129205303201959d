"""The tools to draw phantoms at any resolution: coordinates, smooth noise, thin marks, and named random streams."""

import math
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[Any]  # (size, size) float32
Picture = npt.NDArray[Any]  # (3, size, size) float32, RGB in 0..1: a plane for each colour is twice as fast
Mask = npt.NDArray[np.bool_]  # (size, size)
Points = npt.NDArray[np.float64]  # (n, 2), x and y in half sides of the picture from its middle

DRAWING_SIDE = 384  # lines and dots are drawn at least this large and then averaged down: thin ones stay thin
SIXTEENTHS = 4  # binary digits that OpenCV's drawing functions take as fraction of a pixel


def stream(seed: int, index: int, name: str) -> np.random.Generator:
    """Returns the random stream of one part of one phantom; draws from other streams do not change it.

    Args:
        seed: of the whole set.
        index: of the phantom or the lesion in the set.
        name: of the part.
    """
    return np.random.default_rng([seed, index, zlib.crc32(name.encode())])


@dataclass(frozen=True)
class Grid:
    """A square of pixels about the middle of the picture.

    Attributes:
        size: pixels per side.
        extent: how far it reaches from the middle, in half sides of the picture: 1 is the picture itself.
    """

    size: int
    extent: float = 1.0

    @property
    def coordinates(self) -> tuple[Plane, Plane]:
        """X and y of the pixels' centres, in half sides of the picture."""
        return _coordinates(self.size, self.extent)

    def pixels(self, length: float) -> float:
        """Converts a fraction of the picture's side to pixels."""
        return length * self.size / self.extent

    def noise(self, rng: np.random.Generator, cells: int) -> Plane:
        """Draws (size, size) smooth noise of about unit variance; its features do not depend on the size in pixels.

        Args:
            rng: random stream of the noise.
            cells: number of features along a side of the picture.
        """
        cells = math.ceil(cells * self.extent)
        values = (rng.random((cells, cells), np.float32) - np.float32(0.5)) * np.float32(math.sqrt(12))
        method = cv2.INTER_CUBIC if self.size > cells else cv2.INTER_AREA
        return cv2.resize(values, (self.size, self.size), interpolation=method)

    def fractal(self, rng: np.random.Generator, octaves: tuple[int, ...], fall: float = 0.6) -> Plane:
        """Draws (size, size) noise of about unit variance that sums several octaves.

        Args:
            rng: random stream of the noise.
            octaves: number of features along a side, from the coarsest octave to the finest.
            fall: ratio of the amplitudes of an octave and the one before.
        """
        heights = fall ** np.arange(len(octaves))
        heights /= np.sqrt(np.sum(heights**2))
        total = np.zeros((self.size, self.size), np.float32)
        for height, cells in zip(heights, octaves, strict=True):
            cv2.scaleAdd(self.noise(rng, cells), float(height), total, total)
        return total


@lru_cache(4)
def _coordinates(size: int, extent: float) -> tuple[Plane, Plane]:
    line = (((np.arange(size, dtype=np.float32) + 0.5) / size) * 2 - 1) * np.float32(extent)
    planes = np.tile(line, (size, 1)), np.repeat(line[:, None], size, axis=1)
    for plane in planes:
        plane.setflags(write=False)
    return planes


class Canvas:
    """A canvas for thin marks, drawn at a high resolution and averaged: their width does not depend on the size."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.side = grid.size * math.ceil(DRAWING_SIDE * grid.extent / grid.size)
        self.ink = np.zeros((self.side, self.side), np.uint8)

    def dots(self, places: Points, radii: npt.NDArray[np.float64], darkness: npt.NDArray[np.float64]) -> None:
        """Draws discs.

        Args:
            places: (n, 2) centres.
            radii: (n,) fractions of the picture's side.
            darkness: (n,), 0..1.
        """
        reach = np.round(2**SIXTEENTHS * radii * self.side / self.grid.extent).astype(int).tolist()
        for centre, radius, dark in zip(self._pixels(places).tolist(), reach, darkness.tolist(), strict=True):
            cv2.circle(self.ink, centre, radius, 255 * dark, -1, cv2.LINE_AA, SIXTEENTHS)

    def ribbons(self, points: Points, widths: npt.NDArray[np.float64], darkness: npt.NDArray[np.float64]) -> None:
        """Draws curves of varying width.

        Args:
            points: (curves, n, 2).
            widths: (curves, n), fractions of the picture's side.
            darkness: (curves,), 0..1.
        """
        along = np.empty_like(points)
        along[:, 1:-1] = points[:, 2:] - points[:, :-2]
        along[:, [0, -1]] = points[:, [1, -1]] - points[:, [0, -2]]
        along /= np.maximum(np.hypot(along[..., 0], along[..., 1]), 1e-9)[..., None]
        aside = along[..., ::-1] * (-1, 1) * widths[..., None]  # half of a width in sides is a width in half sides
        outlines = self._pixels(np.concatenate([points + aside, (points - aside)[:, ::-1]], axis=1))
        for outline, dark in zip(outlines, darkness.tolist(), strict=True):
            cv2.fillPoly(self.ink, [outline], 255 * dark, cv2.LINE_AA, SIXTEENTHS)

    def averaged(self) -> Plane:
        """Returns the (size, size) marks, 0..1."""
        small = cv2.resize(self.ink, (self.grid.size, self.grid.size), interpolation=cv2.INTER_AREA)
        return small.astype(np.float32) / np.float32(255)

    def _pixels(self, points: Points) -> npt.NDArray[np.int32]:
        scaled = (points / self.grid.extent + 1) / 2 * self.side - 0.5
        return np.round(scaled * 2**SIXTEENTHS).astype(np.int32)


def smooth_step(distance: Plane) -> Plane:
    """Returns 0 below -1, 1 above 1, and a smooth ramp between."""
    ramp = np.clip(distance * np.float32(0.5) + np.float32(0.5), 0, 1)
    return ramp * ramp * (3 - 2 * ramp)


def rgb(values: Any) -> npt.NDArray[Any]:
    """Returns three numbers, one per colour, as (3, 1, 1) float32, which broadcasts with planes."""
    return np.asarray(values, np.float32).reshape(3, 1, 1)


def bump(distance: Plane, width: float) -> Plane:
    """Returns a Gaussian of the distance: 1 at distance 0; `width` is where it has fallen to 1 / e."""
    return np.exp(-np.square(distance / np.float32(width)))
