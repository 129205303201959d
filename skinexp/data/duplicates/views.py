"""Vectors that describe windows of an image and do not change when it is rotated or mirrored.

A vector describes the disc inside a window of the picture by its Fourier coefficients along rings. Their phases depend
on the rotation of the disc. The product of a coefficient with the conjugate of another ring's, at the same frequency,
does not, and its real part does not change by mirroring either. The first window of a picture is the query, and all its
windows are candidates: so a cropped copy, as a whole, matches the window of the original that shows the same part.

Rotation invariants from ring harmonics: Sheng & Arsenault, Journal of the Optical Society of America A 3 (1986).
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]  # (height, width, 3) RGB
Floats = npt.NDArray[np.float32]

SMALL = 48  # pixels per side of the copy that windows are taken from
DISC = 24  # pixels across a window's disc
RINGS = np.linspace(0.1, 0.85, 5)  # radii of the rings, in radii of the disc
RING_WIDTH = 0.11  # standard deviation
HIGHEST = 6  # frequency along a ring; on small rings less, where pixels are too coarse for it
CUTS = ((0.9, 3), (0.8, 5))  # side of a cut, and how many places it has in each direction
LIGHTER = 60  # grey levels: a picture is also offered so much lighter and darker, without what then leaves 0..255
COLOUR_WEIGHT = 0.6  # of red minus green beside grey: bright light drives red out of range first


@dataclass(frozen=True)
class Window:
    """A rectangle of a picture, in fractions of the picture's width and height."""

    x: float  # of its centre
    y: float
    half_width: float
    half_height: float


def windows(height: int, width: int, cuts: bool = True) -> list[Window]:
    """Returns windows of a picture: the largest square, the whole (for pictures brought to another shape), then crops.

    The last two are the square again, for a lighter and a darker version of the picture.

    Args:
        height: of the picture, in pixels.
        width: of the picture, in pixels.
        cuts: whether to include the crops.
    """
    side = min(height, width)
    square = Window(0.5, 0.5, side / width / 2, side / height / 2)
    found = [square, Window(0.5, 0.5, 0.5, 0.5)]
    for scale, places in CUTS if cuts else ():
        shifts = np.linspace(-(1 - scale) / 2, (1 - scale) / 2, places)
        size = scale * square.half_width, scale * square.half_height
        found += [Window(0.5 + float(x), 0.5 + float(y), *size) for y in shifts for x in shifts]
    return [*found, square, square]  # the last two in another light


def describe(image: Pixels, cuts: bool = True) -> Floats:
    """Returns (n, d) vectors of a picture, one for each of its `windows`.

    Args:
        image: (height, width, 3) uint8 RGB.
        cuts: whether to include crops.
    """
    height, width = image.shape[:2]
    small, seen = resized(image, SMALL), windows(height, width, cuts)
    planes = _planes(small)
    discs = [_disc(planes, window) for window in seen[:-2]]
    for window, change in zip(seen[-2:], (LIGHTER, -LIGHTER), strict=True):
        changed = np.clip(small.astype(np.int16) + change, 0, 255).astype(np.uint8)
        discs.append(_disc(_planes(changed), window))
    return _invariants(np.stack(discs))


def resized(image: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    """Resizes a picture of any shape to a square of `side` pixels."""
    smaller = min(image.shape[:2]) >= side
    return np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC))


def _planes(small: Pixels) -> Floats:
    """Returns (SMALL, SMALL, 2): grey, and red minus green."""
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    red_minus_green = small[..., 0].astype(np.float32) - small[..., 1]
    return np.dstack([grey.astype(np.float32), red_minus_green])


def _disc(planes: Floats, window: Window) -> Floats:
    """Returns (DISC, DISC, 2) the content of a window."""
    across, down = 2 * SMALL * window.half_width / DISC, 2 * SMALL * window.half_height / DISC
    left, top = SMALL * (window.x - window.half_width), SMALL * (window.y - window.half_height)
    matrix = np.array([[across, 0, left + across / 2 - 0.5], [0, down, top + down / 2 - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(planes, matrix, (DISC, DISC), flags=flags, borderMode=cv2.BORDER_REPLICATE))


def _polar() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Returns the radius and the angle of each pixel of a disc."""
    places = (np.arange(DISC) + 0.5) / DISC * 2 - 1
    x, y = np.meshgrid(places, places)
    return np.hypot(x, y).ravel(), np.arctan2(y, x).ravel()


def _basis() -> tuple[Floats, npt.NDArray[np.int64]]:
    """Returns the real and imaginary parts of m ring harmonics as (DISC * DISC, 2 * m), and the frequency of each."""
    radius, angle = _polar()
    rows, frequencies = [], []
    for ring in RINGS:
        weight = np.exp(-0.5 * ((radius - ring) / RING_WIDTH) ** 2) * (radius < 1)
        for frequency in range(HIGHEST + 1):
            if frequency <= max(1, 8 * ring):
                rows.append(weight * np.exp(1j * frequency * angle) / np.sqrt((weight**2).sum()))
                frequencies.append(frequency)
    basis = np.stack(rows)
    return np.vstack([basis.real, basis.imag]).T.astype(np.float32), np.array(frequencies)


INSIDE = (_polar()[0] < 1).astype(np.float32)
BASIS, FREQUENCY = _basis()
STILL = FREQUENCY == 0  # turning does not change these
ONE, OTHER = np.nonzero(np.triu(FREQUENCY[:, None] == FREQUENCY) & ~STILL)
TWICE = np.where(ONE == OTHER, 1, np.sqrt(2)).astype(np.float32)  # a product of two rings stands for both orders


def _invariants(discs: Floats) -> Floats:
    """Returns (n, DISC, DISC, 2) pictures as (n, d) vectors; light and contrast cancel."""
    values = discs.reshape(len(discs), -1, 2).transpose(2, 0, 1)  # (2, n, pixels)
    values = (values - (values @ INSIDE / INSIDE.sum())[..., None]) * INSIDE
    spread = np.sqrt((values**2).sum(axis=-1, keepdims=True) / INSIDE.sum())
    parts = (values / np.maximum(spread, 1)) @ BASIS
    real, imaginary = np.split(parts, 2, axis=-1)
    products = real[..., ONE] * real[..., OTHER] + imaginary[..., ONE] * imaginary[..., OTHER]
    products = np.sign(products) * np.sqrt(np.abs(products)) * TWICE
    grey, colour = np.concatenate([real[..., STILL], products], axis=-1)
    return np.hstack([grey, colour]).astype(np.float32)
