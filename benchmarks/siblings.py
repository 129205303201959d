"""Copies of photographs as they are found in data sets: what people do to an image before they save it again."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

QUALITY = 90  # of the JPEG that a changed picture is saved as
BORDERS = {"reflect": cv2.BORDER_REFLECT, "constant": cv2.BORDER_CONSTANT, "nearest": cv2.BORDER_REPLICATE}

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]  # (height, width, 3) uint8 RGB -> another


@dataclass(frozen=True)
class Copying:
    """A way in which copies come about.

    Attributes:
        name: as the table calls it.
        goal: share of the copies that should be found.
        change: makes the picture of a copy.
        same_file: whether the file is copied as it is.
        without_original: whether two copies are in the set instead of the original and one copy.
    """

    name: str
    goal: float
    change: Change
    same_file: bool = False
    without_original: bool = False


def encoded(picture: np.ndarray, quality: int = QUALITY) -> np.ndarray:
    """What comes out of a JPEG."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def as_it_is(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same pixels."""
    return picture


def encoded_again(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A JPEG of quality 30 to 95."""
    return encoded(picture, int(rng.integers(30, 96)))


def resized(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """0.4 to 2 times as many pixels a side."""
    factor = rng.uniform(0.4, 2)
    height, width = (max(1, round(factor * side)) for side in picture.shape[:2])
    ways = (cv2.INTER_LINEAR, cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)
    return encoded(cv2.resize(picture, (width, height), interpolation=int(rng.choice(ways))))


def cut_to(least: float, most: float) -> Change:
    """A part, anywhere, with so much of each side."""

    def cut(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        share = rng.uniform(least, most)
        height, width = (round(share * side) for side in picture.shape[:2])
        top, left = (int(rng.integers(0, gap + 1)) for gap in (picture.shape[0] - height, picture.shape[1] - width))
        return encoded(np.ascontiguousarray(picture[top : top + height, left : left + width]))

    return cut


def flipped(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """About one axis, or both."""
    return encoded(cv2.flip(picture, int(rng.integers(-1, 2))))


def turned(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """By 90, 180 or 270 degrees."""
    return encoded(np.ascontiguousarray(np.rot90(picture, int(rng.integers(1, 4)))))


def rotated(border: str) -> Change:
    """By up to 20 degrees either way about the centre."""

    def rotate(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return encoded(_resampled(picture, rng.uniform(-20, 20), (1, 1), border))

    return rotate


def _resampled(picture: np.ndarray, degrees: float, zoom: tuple[float, float], border: str) -> np.ndarray:
    """Rotated, and zoomed across and down (above 1: more is seen)."""
    height, width = picture.shape[:2]
    centre = np.array([width - 1, height - 1]) / 2
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    linear = np.array([[cosine, -sine], [sine, cosine]]) @ np.diag(zoom)
    matrix = np.column_stack([linear, centre - linear @ centre])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(picture, matrix, (width, height), flags=flags, borderMode=BORDERS[border])


def _lit(picture: np.ndarray, factor: float = 1, added: float = 0, contrast: float = 1) -> np.ndarray:
    values = picture.astype(float)
    middle = values.mean(axis=(0, 1))
    values = ((values - middle) * contrast + middle) * factor + added
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


def brighter(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each value times 0.7 to 1.3."""
    return encoded(_lit(picture, factor=rng.uniform(0.7, 1.3)))


def light_added(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Up to 30 % of the range added or taken away, as Keras counts."""
    return encoded(_lit(picture, added=255 * rng.uniform(-0.3, 0.3)))


def contrast_changed(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Distances from the mean colour times 0.7 to 1.3."""
    return encoded(_lit(picture, contrast=rng.uniform(0.7, 1.3)))


def seed_study(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Random flips, rotation by up to 5 % of a full turn, zoom by up to 10 %, light and contrast by less than 1 %."""
    across, down = rng.random(2) < 0.5
    picture = np.ascontiguousarray(picture[:: -1 if down else 1, :: -1 if across else 1])
    zoom = rng.uniform(0.9, 1.1)
    picture = _resampled(picture, rng.uniform(-18, 18), (zoom, zoom), "reflect")
    return encoded(_lit(picture, added=255 * rng.uniform(-0.01, 0.01), contrast=rng.uniform(0.99, 1.01)))


COPYINGS = (
    Copying("the same file", 0.99, as_it_is, same_file=True),
    Copying("the same pixels in another file", 0.99, as_it_is),
    Copying("JPEG of quality 30 to 95", 0.95, encoded_again),
    Copying("resized, 0.4 to 2 times", 0.95, resized),
    Copying("cut to 80 to 100 % of each side", 0.95, cut_to(0.8, 1)),
    Copying("cut to 80 % of each side", 0.95, cut_to(0.8, 0.8)),
    Copying("flipped", 0.95, flipped),
    Copying("turned by 90, 180 or 270 degrees", 0.95, turned),
    Copying("rotated by up to 20 degrees, corners reflected", 0.95, rotated("reflect")),
    Copying("rotated, corners black", 0.95, rotated("constant")),
    Copying("rotated, corners nearest", 0.95, rotated("nearest")),
    Copying("brightness times 0.7 to 1.3", 0.95, brighter),
    Copying("brightness plus or minus 30 % of the range", 0.95, light_added),
    Copying("contrast times 0.7 to 1.3", 0.95, contrast_changed),
    Copying("the seed study's augmentation", 0.90, seed_study),
    Copying("two copies by it, without their original", 0.90, seed_study, without_original=True),
    Copying("two copies rotated, corners black, without theirs", 0.90, rotated("constant"), without_original=True),
)
