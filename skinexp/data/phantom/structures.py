"""Dermoscopic structures within a lesion: network, globules, dots, streaks, and structureless areas."""

import math

import cv2
import numpy as np

from skinexp.data.phantom.abcd import Factors
from skinexp.data.phantom.lesion import Geometry, Pigment
from skinexp.data.phantom.planes import Canvas, Plane, smooth_step


def structureless(drawn: Factors, geometry: Geometry, rng: np.random.Generator) -> Plane:
    """Draws the structureless area: the whole lesion if it has no other structure, else a wide patch.

    Args:
        drawn: the factors of the phantom.
        geometry: of the lesion.
        rng: random stream of the structures.

    Returns:
        (size, size) 0..1; all 0 if the factors have no structureless area.
    """
    size = geometry.grid.size
    angle, reach = rng.uniform(-math.pi, math.pi), rng.uniform(0.5, 0.65)
    if "structureless" not in drawn.structures:
        return np.zeros((size, size), np.float32)
    if drawn.structures == ("structureless",):
        return np.ones((size, size), np.float32)
    return geometry.patch(0.55, angle, reach, 0.1, np.float32(0.1) * geometry.grid.noise(rng, 6))


def marks(drawn: Factors, geometry: Geometry, pigment: Pigment, smooth: Plane, rng: np.random.Generator) -> Plane:
    """Draws the structures, which consist of pigment and fade with it.

    Args:
        drawn: the factors of the phantom.
        geometry: of the lesion.
        pigment: of the lesion.
        smooth: (size, size) the structureless area, 0..1.
        rng: random stream of the structures.

    Returns:
        (size, size) absorption in addition to that of the pigment.
    """
    found = _spots_and_streaks(drawn, geometry, rng)
    if "network" in drawn.structures:
        found = found + _network(geometry, rng) * pigment.cover
    return found * (1 - smooth) * np.clip(np.float32(0.45) + pigment.darkness, 0.2, 1)


def _network(geometry: Geometry, rng: np.random.Generator) -> Plane:
    """Draws a deformed honeycomb of dark lines, 0..1, along the minima of three plane waves at 120 degrees."""
    grid = geometry.grid
    x, y = grid.coordinates
    bend_x, bend_y = (np.float32(0.035) * grid.fractal(rng, (7, 16, 32), fall=0.7) for _ in range(2))
    x, y = x + bend_x, y + bend_y
    pitch, turn = rng.uniform(0.048, 0.078), rng.uniform(0, math.pi)  # from hole to hole, in half sides
    scale = 4 * math.pi / (math.sqrt(3) * pitch)
    waves = np.zeros((grid.size, grid.size), np.float32)
    for direction in turn + np.arange(3) * 2 * math.pi / 3:
        waves += np.cos(cv2.addWeighted(x, scale * math.cos(direction), y, scale * math.sin(direction), 0))
    presence = np.clip(np.float32(0.7) + np.float32(0.5) * grid.fractal(rng, (5, 12, 30), fall=0.8), 0.05, 1.2)
    return smooth_step(-(waves + np.float32(0.3)) / np.float32(0.9)) * presence * np.float32(rng.uniform(0.25, 0.6))


def _spots_and_streaks(drawn: Factors, geometry: Geometry, rng: np.random.Generator) -> Plane:
    """Draws globules, dots and streaks, 0..1; in an asymmetric lesion they concentrate on one side."""
    canvas = Canvas(geometry.grid)
    side = rng.uniform(-math.pi, math.pi)
    spread = (math.pi, 0.65 * math.pi, 0.4 * math.pi)[geometry.asymmetry]
    kinds = {  # how many, radius as a fraction of the side, darkness
        "globules": (rng.integers(16, 34), (0.008, 0.02), (0.25, 0.65)),
        "dots": (rng.integers(24, 56), (0.004, 0.0075), (0.5, 1.0)),
    }
    for name, (count, radii_between, darkness_between) in kinds.items():
        angles = side + rng.uniform(-spread, spread, count)
        places = geometry.places(np.sqrt(rng.uniform(0.02, 0.85, count)), angles)
        radii, darkness = rng.uniform(*radii_between, count), rng.uniform(*darkness_between, count)
        if name in drawn.structures:
            canvas.dots(places, radii, darkness)
    count = rng.integers(14, 30)
    angles = side + spread * rng.uniform(-1, 1, count)
    starts = geometry.places(rng.uniform(0.7, 0.9, count), angles)
    ends = geometry.places(rng.uniform(1.04, 1.24, count), angles + rng.normal(0, 0.1, count))
    bends = rng.normal(0, 0.008, (count, 5, 2))
    widths, darkness = rng.uniform(0.006, 0.018, count), rng.uniform(0.3, 0.7, count)
    if "streaks" in drawn.structures:
        step = np.linspace(0, 1, 5)[:, None]
        curves = starts[:, None] + step * (ends - starts)[:, None] + bends
        canvas.ribbons(curves, widths[:, None] * np.linspace(1.2, 0.5, 5), darkness)
    return cv2.GaussianBlur(canvas.averaged(), (0, 0), max(geometry.grid.pixels(0.004), 0.2))
