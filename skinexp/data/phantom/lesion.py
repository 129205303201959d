"""The lesion of a phantom: its outline, its edge and its colours, as symmetric as its factors require."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from skinexp.data.phantom.abcd import COLOURS, Factors
from skinexp.data.phantom.planes import Grid, Picture, Plane, Points, rgb, smooth_step

ANGLES = np.linspace(-math.pi, math.pi, 1441)  # at which an outline is tabulated
LIGHT_SKIN = (0.90, 0.75, 0.71)  # to which COLOURS refer: pigment absorbs the difference
HUE = rgb((0.65, 0.95, 1.0))  # of brown pigment: how it absorbs red, green and blue


class Geometry:
    """The shape of a lesion: coordinates (a unit disc before the outline is deformed), and distances to the outline."""

    def __init__(self, drawn: Factors, grid: Grid, rng: np.random.Generator) -> None:
        self.grid, self.asymmetry, self.diameter = grid, drawn.asymmetry, drawn.diameter / drawn.zoom
        self.centre = rng.uniform(-0.14, 0.14, 2)
        stretch = math.sqrt(rng.uniform(1.0, 1.5))
        self.axes = self.diameter * np.array([stretch, 1 / stretch])
        self.turn = rng.uniform(0, 2 * math.pi)

        x, y = grid.coordinates
        x, y = x - np.float32(self.centre[0]), y - np.float32(self.centre[1])
        cosine, sine = math.cos(self.turn), math.sin(self.turn)
        self.along = cv2.addWeighted(x, cosine / self.axes[0], y, sine / self.axes[0], 0)
        self.across = cv2.addWeighted(y, cosine / self.axes[1], x, -sine / self.axes[1], 0)

        distance, angle = cv2.cartToPolar(self.along, self.across)
        place = ((angle + np.float32(math.pi)) * np.float32((len(ANGLES) - 1) / (2 * math.pi))).astype(np.int32)
        place %= len(ANGLES) - 1
        self.abruptness = _abrupt_eighths(drawn.border, rng).astype(np.float32).take(place)
        self.radius = _outline(drawn.asymmetry, rng)
        ragged = grid.fractal(rng, (11, 22, 44, 88), fall=0.7)
        width = np.float32(0.06) + np.float32(0.085) * self.abruptness
        self.inside = self.radius.astype(np.float32).take(place) - distance + width * ragged  # > 0 within

    def folded(self, warp: Plane) -> tuple[Plane, Plane]:
        """Returns lesion coordinates in which mirror images about each axis of symmetry coincide.

        Args:
            warp: (size, size) noise that is added to the coordinates.
        """
        along, across = self.along + warp, self.across + warp.T  # the transposed noise serves as a second one
        if self.asymmetry < 2:
            across = np.sqrt(across**2 + np.float32(0.01))
        if self.asymmetry < 1:
            along = np.sqrt(along**2 + np.float32(0.01))
        return along, across

    def places(self, radii: npt.NDArray[np.float64], angles: npt.NDArray[np.float64]) -> Points:
        """Returns (n, 2) picture coordinates of polar coordinates in which the outline has radius 1.

        Args:
            radii: (n,) radii.
            angles: (n,) angles in radians.
        """
        reach = radii * np.interp(angles, ANGLES, self.radius, period=2 * math.pi)
        along, across = self.axes[0] * reach * np.cos(angles), self.axes[1] * reach * np.sin(angles)
        cosine, sine = math.cos(self.turn), math.sin(self.turn)
        return np.stack([along * cosine - across * sine, along * sine + across * cosine], axis=1) + self.centre

    def patch(self, radius: float, angle: float, reach: float, blur: float, warp: Plane) -> Plane:
        """Returns a (size, size) soft patch of the lesion: 1 inside, 0 outside.

        Args:
            radius: polar radius of its centre; the outline has radius 1.
            angle: polar angle of its centre, in radians.
            reach: its radius, in diameters of the lesion.
            blur: width of its edge, in diameters of the lesion.
            warp: (size, size) noise that deforms its edge.
        """
        (x, y), grid = self.places(np.array([radius]), np.array([angle]))[0], self.grid
        columns, rows = grid.coordinates
        apart = cv2.magnitude(columns - np.float32(x), rows - np.float32(y)) / np.float32(self.diameter)
        return smooth_step((np.float32(reach) - apart + warp) / np.float32(blur))


def _abrupt_eighths(count: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Returns how abrupt the edge is at each of `ANGLES`, 0..1: abrupt in `count` adjacent eighths of the outline."""
    behind_start = ((ANGLES - rng.uniform(0, 2 * math.pi)) % (2 * math.pi)) / (math.pi / 4)
    return np.clip(np.minimum(behind_start, count - behind_start) * 4, 0, 1) if count < 8 else np.ones_like(ANGLES)


def _outline(asymmetry: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Returns the radius at each of `ANGLES`; the choice of harmonics and their phases give the shape its symmetry."""
    order = np.arange(1, 8)[:, None]
    height = rng.normal(0, 1, order.shape) / order**0.7
    phase = rng.uniform(0, 2 * math.pi, order.shape)
    if asymmetry < 2:
        phase = np.zeros_like(phase)  # cosines alone mirror at the long axis
    if asymmetry < 1:
        height[::2] = 0  # even cosines alone mirror at both axes
    shape = (height * np.cos(order * ANGLES + phase)).sum(axis=0)
    shape *= (0.05, 0.15, 0.22)[asymmetry] / max(np.sqrt(np.mean(shape**2)), 1e-6)
    return np.asarray(np.clip(1 + shape, 0.45, 1.6))


@dataclass(frozen=True)
class Pigment:
    """The absorption of light by a lesion."""

    light: Picture  # in logarithms
    darkness: Plane  # the mean of the colours' own absorption, as if the lesion had no end
    cover: Plane  # how much of the lesion is there, 0..1


def pigment(drawn: Factors, geometry: Geometry, smooth: Plane, rng: np.random.Generator) -> Pigment:
    """Draws the pigment of a lesion, mottled except where it is smooth.

    Args:
        drawn: the factors of the phantom.
        geometry: of the lesion.
        smooth: (size, size) where the lesion has no structure, 0..1.
        rng: random stream of the pigment.
    """
    grid = geometry.grid
    cover = smooth_step(geometry.inside / (np.float32(0.28) - np.float32(0.245) * geometry.abruptness))
    mottling = grid.fractal(rng, (6, 14, 30, 60, 120), fall=0.8)
    depth = rng.uniform(0.15, 0.36)
    density = np.float32(rng.uniform(0.5, 0.98)) * np.exp(
        np.float32(depth) * mottling * (1 - np.float32(0.85) * smooth)
    )
    colours = _absorbance(drawn, geometry, rng)
    return Pigment(colours * (cover * np.minimum(density, 2)), colours.mean(axis=0), cover)


def _absorbance(drawn: Factors, geometry: Geometry, rng: np.random.Generator) -> Picture:
    """Draws the absorption by colour: the first colour everywhere, others in patches, mirrored like the shape."""
    grid = geometry.grid
    along, across = geometry.folded(np.float32(0.15) * grid.fractal(rng, (7, 14, 28, 56), fall=0.75))
    shades = {
        name: rgb(-np.log(np.array(colour) * rng.uniform(0.9, 1.1) / LIGHT_SKIN))
        for name, (colour, _) in COLOURS.items()
    }
    absorbed = np.tile(shades[drawn.colours[0]], (1, grid.size, grid.size))
    count = len(drawn.colours) - 1
    arc = (math.pi / 2, math.pi, 2 * math.pi)[geometry.asymmetry]  # the part of the lesion that is not a mirror image
    angles = rng.uniform(0, arc) + arc * (np.arange(count) + rng.uniform(-0.2, 0.2, count)) / max(count, 1)
    for name, angle in zip(drawn.colours[1:], angles % arc, strict=True):
        distance = rng.uniform(0.3, 0.6)
        reach = rng.uniform(0.36, 0.5) * (0.8 + 0.1 * geometry.asymmetry)
        apart = cv2.magnitude(
            along - np.float32(distance * math.cos(angle)), across - np.float32(distance * math.sin(angle))
        )
        patch = smooth_step((np.float32(reach) - apart) / np.float32(rng.uniform(0.12, 0.35)))
        patch *= np.float32(rng.uniform(0.8, 1.0))
        absorbed += patch * (shades[name] - absorbed)
    return absorbed
