"""Registration of two pictures: the rotation, mirroring, scale and shift that lay one on the other.

Only the disc in the middle of each picture is compared, because the corners of a rotated picture are filled.
"""

import math

import cv2
import numpy as np
import numpy.typing as npt

from skinexp.data.duplicates.search_limits import LEAST_OVERLAP
from skinexp.data.duplicates.views import Floats, Window

Matrix = npt.NDArray[np.float64]  # (2, 3): from a point of one picture to a point of the other, -1..1 from the centre

RADIUS = 0.93  # of the disc, in half sides: a rotation about the centre fills nothing within it, a zoom by 7 % neither
RADII = np.linspace(0.08, 0.92, 12)  # of the circles on which angles are compared
ANGLES = 96  # points on a circle
STILL = 2e-3  # a step that moves no corner farther, in half sides, is the last
LARGEST = 0.2  # step, in half sides


def starts(one: Floats, seen: Window, other: Floats, whole: Window, most: int = 2) -> list[Matrix]:
    """Returns the most likely rotations and mirrorings between two windows, the likeliest first.

    Args:
        one: (side, side) grey picture.
        seen: the window in it.
        other: (side, side) grey picture that it is compared with.
        whole: the window in `other`.
        most: largest number of matrices.

    Returns:
        At most `most` matrices from points of `other` to points of `one`.
    """
    first, second = _circles(one, seen), _circles(other, whole)
    found = []
    for mirrored in (False, True):
        agreement = np.fft.irfft((first * (second if mirrored else second.conj())).sum(axis=0), n=ANGLES)
        peaks = np.flatnonzero((agreement >= np.roll(agreement, 1)) & (agreement >= np.roll(agreement, -1)))
        found += [(float(agreement[peak]), 2 * math.pi * peak / ANGLES, mirrored) for peak in peaks]
    found.sort(reverse=True)
    return [_matrix(seen, whole, turn, mirrored) for _, turn, mirrored in found[:most]]


def _circles(picture: Floats, window: Window) -> npt.NDArray[np.complex128]:
    """Returns (radii, frequencies) Fourier coefficients along circles, normalised together."""
    side, angle = len(picture), 2 * math.pi * np.arange(ANGLES) / ANGLES
    x = window.x + window.half_width * RADII[:, None] * np.cos(angle)
    y = window.y + window.half_height * RADII[:, None] * np.sin(angle)
    maps = (side * x - 0.5).astype(np.float32), (side * y - 0.5).astype(np.float32)
    values = cv2.remap(picture, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    area = RADII[:, None] / RADII.sum() / ANGLES
    values = (values - (values * area).sum()) * np.sqrt(area)
    return np.fft.rfft(values / max(math.sqrt(float((values**2).sum())), 1e-6), axis=1)


def _matrix(seen: Window, whole: Window, turn: float, mirrored: bool) -> Matrix:
    """Returns the matrix from a point of `whole` to its disc, turned there, and on to the window `seen`."""
    cosine, sine = math.cos(turn), math.sin(turn)
    turned = np.array([[cosine, -sine], [sine, cosine]]) @ np.diag([1, -1 if mirrored else 1])
    inwards = np.diag([1 / whole.half_width, 1 / whole.half_height])
    linear = np.diag([seen.half_width, seen.half_height]) @ turned @ inwards
    centre, middle = (2 * np.array([window.x, window.y]) - 1 for window in (seen, whole))
    return np.column_stack([linear, centre - linear @ middle])


def refined(one: Floats, other: Floats, matrix: Matrix, steps: int) -> Matrix:
    """Refines a matrix by Gauss-Newton steps that register `one` with `other`, independently of light and contrast.

    A pixel's weight falls with its residual (Geman & McClure), so hair in only one of the pictures has little effect.

    Args:
        one: (side, side) grey picture.
        other: (side, side) grey picture that stays fixed.
        matrix: the start, from points of `other` to points of `one`.
        steps: largest number of steps.

    Returns:
        The refined matrix.

    Reference: Baker & Matthews, "Lucas-Kanade 20 years on", International Journal of Computer Vision 56 (2004).
    """
    for _ in range(steps):
        laid, used = laid_on(one, matrix)
        if used.mean() < LEAST_OVERLAP:
            break
        step = _step(laid, other, used)
        matrix = composed(matrix, np.eye(2, 3) + step)
        if np.abs(step).max() < STILL:
            break
    return matrix


def _step(laid: Floats, other: Floats, used: Floats) -> Matrix:
    """Returns the change of the identity after which the resampled picture agrees better."""
    laid, other = centred(laid, used), centred(other, used)
    gain = math.sqrt(float((other**2).sum()) / max(float((laid**2).sum()), 1e-3))
    residual = other - gain * laid
    spread = 2 * float(np.abs(residual).sum()) / float(used.sum()) + 1
    weight = used / (1 + (residual / spread) ** 2) ** 2
    weight = cv2.erode(weight, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    # The filter's weights sum to 8, and a half side is half as many pixels as a side.
    right = cv2.Sobel(laid, cv2.CV_32F, 1, 0, scale=gain * len(laid) / 16)
    down = cv2.Sobel(laid, cv2.CV_32F, 0, 1, scale=gain * len(laid) / 16)
    across = places(len(laid))
    along = across[:, None]
    changes = [right * across, right * along, right, down * across, down * along, down, laid, used]
    flat = np.stack(changes).reshape(len(changes), -1)
    weighted = flat * weight.ravel()
    square = (weighted @ flat.T).astype(np.float64)
    square[np.diag_indices_from(square)] *= 1.001
    square[np.diag_indices_from(square)] += 1e-3
    step = np.linalg.solve(square, (weighted @ residual.ravel()).astype(np.float64))
    return np.clip(step[:6], -LARGEST, LARGEST).reshape(2, 3)


def laid_on(picture: Floats, matrix: Matrix) -> tuple[Floats, Floats]:
    """Resamples a picture in the coordinates of another.

    Args:
        picture: (side, side) grey picture.
        matrix: from points of the other picture to points of this one.

    Returns:
        (side, side) resampled picture, and a (side, side) mask that is 1 in the discs of both pictures and 0 elsewhere.
    """
    side = len(picture)
    half = side / 2
    shift = half * matrix[:, 2] + (half - 0.5) * (1 - matrix[:, :2].sum(axis=1))
    pixels = np.column_stack([matrix[:, :2], shift])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    laid = cv2.warpAffine(picture, pixels, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    across = places(side)
    x, y = (row[0] * across + (row[1] * across + row[2])[:, None] for row in matrix.astype(np.float32))
    inside = (x**2 + y**2 < RADIUS**2) & (across**2 + across[:, None] ** 2 < RADIUS**2)
    return laid, inside.astype(np.float32)


def places(side: int) -> Floats:
    """Returns (side,) coordinates of pixel centres, from -1 to 1."""
    return ((np.arange(side, dtype=np.float32) + 0.5) * (2 / side) - 1).astype(np.float32)


def centred(picture: Floats, used: Floats) -> Floats:
    """Subtracts a picture's mean under the mask `used`; the result is 0 outside the mask."""
    return np.asarray((picture - (picture * used).sum() / used.sum()) * used)


def composed(outer: Matrix, inner: Matrix) -> Matrix:
    """Returns the matrix that applies `inner`, then `outer`."""
    below = np.array([[0.0, 0.0, 1.0]])
    return np.asarray((np.vstack([outer, below]) @ np.vstack([inner, below]))[:2])


def inverted(matrix: Matrix) -> Matrix:
    """Returns the inverse of an affine matrix."""
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])
