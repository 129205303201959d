"""Agreement of two registered pictures in their details, which distinguishes copies from other, similar lesions."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from skinexp.data.duplicates import registration, search_limits
from skinexp.data.duplicates.registration import Matrix, centred, laid_on
from skinexp.data.duplicates.views import Floats, Window

COARSE = 48  # pixels per side in which pictures are laid on each other first
COARSE_STEPS, FINE_STEPS = 12, 6
SURE = 0.92  # correlation of a first try after which no second is made
FINE, BROAD = 1.2, 3.0  # standard deviations of Gaussians, in pixels of 96: their difference passes the details


@dataclass(frozen=True)
class Picture:
    """An image as it is kept for comparisons: a small grey square, and the size of the original."""

    grey: Floats  # (96, 96), whatever its shape was
    height: int  # of the image
    width: int


@dataclass(frozen=True)
class Match:
    """The agreement of two pictures.

    Attributes:
        details: correlation of their details, 0..1.
        everywhere: the same correlation with the strongest details limited: two dark spots on smooth skin agree in
            nothing else.
        matrix: from points of the second picture to points of the first.
        gain: contrast of the second picture over that of the first.
        lighter: mean grey levels by which the second picture is lighter.
    """

    details: float
    everywhere: float
    matrix: Matrix
    gain: float
    lighter: float

    @property
    def score(self) -> float:
        """The smaller of the two correlations."""
        return min(self.details, self.everywhere)

    @property
    def convinces(self) -> bool:
        """Whether the two pictures show the same photograph."""
        return self.details >= search_limits.DETAILS and self.everywhere >= search_limits.EVERYWHERE


def compare(one: Picture, seen: Window, other: Picture, whole: Window) -> Match | None:
    """Registers two pictures and measures their agreement.

    Args:
        one: a picture.
        seen: the window in it that resembles the other picture.
        other: that picture.
        whole: the window of `other` that is compared.

    Returns:
        The agreement, with a matrix from `other` to `one`; None if they clearly differ.
    """
    rough = _rough(one.grey, seen, other.grey, whole)
    if rough is None:
        return None
    matrix = registration.refined(one.grey, other.grey, rough, FINE_STEPS)
    laid, used = laid_on(one.grey, matrix)
    if used.mean() < search_limits.LEAST_OVERLAP:
        return None
    details, everywhere = _details(laid, other.grey, used)
    spreads = [math.sqrt(float((centred(picture, used) ** 2).sum() / used.sum())) for picture in (laid, other.grey)]
    lighter = float(((other.grey - laid) * used).sum() / used.sum())
    return Match(details, everywhere, matrix, spreads[1] / max(spreads[0], 1e-3), lighter)


def _rough(one: Floats, seen: Window, other: Floats, whole: Window) -> Matrix | None:
    """The matrix, from small copies, of the start that ends best."""
    small, other_small = (cv2.resize(each, (COARSE, COARSE), interpolation=cv2.INTER_AREA) for each in (one, other))
    best, found = search_limits.LEAST_COARSE, None
    for start in registration.starts(small, seen, other_small, whole):
        matrix = registration.refined(small, other_small, start, COARSE_STEPS)
        laid, used = laid_on(small, matrix)
        if used.mean() < search_limits.LEAST_OVERLAP:
            continue
        agreement = _correlation(laid, other_small, used)
        if agreement > best:
            best, found = agreement, matrix
        if best > SURE:
            break
    return found


def _details(laid: Floats, other: Floats, used: Floats) -> tuple[float, float]:
    """Correlations of what is left between two blurs: as it is, and held within a few times the median."""
    used = cv2.erode(used, np.ones((5, 5), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    if not used.any():
        return 0.0, 0.0
    bands = _band(laid), _band(other)
    if min(float((centred(band, used) ** 2).sum() / used.sum()) for band in bands) < search_limits.LEAST_DETAIL**2:
        return 0.0, 0.0
    most = [
        max(search_limits.STRONGEST * float(np.median(np.abs(band[used > 0]))), search_limits.LEAST_DETAIL)
        for band in bands
    ]
    held = [np.clip(band, -each, each) for band, each in zip(bands, most, strict=True)]
    return max(_correlation(*bands, used), 0.0), max(_correlation(held[0], held[1], used), 0.0)


def _band(picture: Floats) -> Floats:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), FINE) - cv2.GaussianBlur(picture, (0, 0), BROAD))


def _correlation(one: Floats, other: Floats, used: Floats) -> float:
    one, other = centred(one, used), centred(other, used)
    return float((one * other).sum()) / max(math.sqrt(float((one**2).sum() * (other**2).sum())), 1e-6)
