"""The change from one picture to another, described in words."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from skinexp.data.duplicates import search_limits
from skinexp.data.duplicates.agreement import Match, Picture
from skinexp.data.duplicates.registration import inverted


def swapped(match: Match) -> Match:
    """Returns the match with the two pictures exchanged."""
    return replace(match, matrix=inverted(match.matrix), gain=1 / max(match.gain, 1e-3), lighter=-match.lighter)


def relation(first: Picture, second: Picture, match: Match) -> str:
    """Returns in words how the second picture differs from the first; `re-encoded` if no change is found."""
    return ", ".join([*_place(first, second, match), *_light(match)]) or "re-encoded"


def _place(first: Picture, second: Picture, match: Match) -> Iterator[str]:
    shapes = [np.array([picture.width, picture.height]) for picture in (first, second)]
    pixels = np.diag(shapes[0]) @ match.matrix[:, :2] @ np.diag(1 / shapes[1])  # from the second's to the first's
    yield from _turn(pixels)
    shown, larger = _scale(match.matrix[:, :2]), _scale(pixels)
    same_size = set(shapes[0]) == set(shapes[1])
    if shown > search_limits.NAMED_SCALE:
        yield "zoomed" if same_size else "cropped"
    elif np.abs(match.matrix[:, 2]).max() > 2 * search_limits.NAMED_SCALE:  # of half the side
        yield "shifted" if same_size else "cropped"
    if larger > search_limits.NAMED_SCALE and not same_size:
        yield "resized"


def _turn(pixels: npt.NDArray[np.float64]) -> Iterator[str]:
    """Yields the flip, the quarter turns (counter-clockwise, as in `np.rot90`), and the remaining rotation."""
    mirrored = np.linalg.det(pixels) < 0
    if mirrored:
        yield "flipped"
        pixels = pixels @ np.diag([-1, 1])
    degrees = math.degrees(math.atan2(pixels[1, 0] - pixels[0, 1], pixels[0, 0] + pixels[1, 1]))
    quarters = round(degrees / 90)
    turned = 90 * (quarters % (2 if mirrored else 4))  # mirrored and turned by half is mirrored the other way
    if turned:
        yield f"turned {turned} degrees"
    if abs(degrees - 90 * quarters) > search_limits.NAMED_TURN:
        yield f"rotated by about {abs(degrees - 90 * quarters):.0f} degrees"


def _scale(linear: npt.NDArray[np.float64]) -> float:
    """Returns the absolute logarithm of the scale; 0 if lengths stay the same."""
    return abs(math.log(max(abs(float(np.linalg.det(linear))), 1e-6))) / 2


def _light(match: Match) -> Iterator[str]:
    if abs(match.lighter) > search_limits.NAMED_LIGHT:
        yield "brighter" if match.lighter > 0 else "darker"
    if abs(math.log(max(match.gain, 1e-3))) > search_limits.NAMED_CONTRAST:
        yield "more contrast" if match.gain > 1 else "less contrast"
