"""A set that was augmented before it was split, made on purpose: changed copies of each image beside the image itself.

This is what the seed study's set is, and what `experiment=leakage` measures the price of.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd

from skinexp.core.digest import digest
from skinexp.core.randomness import rng
from skinexp.data.preparation import preprocess
from skinexp.data.readers import part
from skinexp.data.table import Reader

VERSION = 1  # raise it when the same copy gets other pixels
ROTATION, ZOOM, LIGHT = 18.0, 0.1, 0.01  # degrees, share of the size, share of the range of values: each either way
ORIGINAL = "original"  # the column that says of which image a row is a version


def with_copies(frame: pd.DataFrame, reader: Reader, copies: int, seed: int) -> tuple[pd.DataFrame, Reader]:
    """Each image followed by its changed copies, which share its label, its group and what else is known of it.

    Args:
        frame: one row an image: image_id, path, position, sha256.
        reader: of the images by position.
        copies: of each image.

    Returns:
        (copies + 1) times as many rows, with a column `original`, and a reader of their positions.
    """
    versions = copies + 1
    rows = frame.loc[frame.index.repeat(versions)].reset_index(drop=True)
    version = np.tile(np.arange(versions), len(frame))
    names = [f", copy {number}" if number else "" for number in version]
    rows[ORIGINAL] = rows["image_id"]
    rows["image_id"] = rows["image_id"].astype(str) + names
    rows["path"] = rows["path"] + names
    rows["position"] = rows["position"] * versions + version
    rows["sha256"] = [
        digest(VERSION, seed, name, int(number)) if number else name
        for name, number in zip(rows["sha256"], version, strict=True)
    ]
    return rows, CopyingReader(reader, versions, seed)


@dataclass(frozen=True)
class CopyingReader:
    """Images of another reader, each in so many versions, the first of them unchanged."""

    reader: Reader
    versions: int
    seed: int

    def __call__(self, position: int) -> bytes | np.ndarray:
        image, version = divmod(position, self.versions)
        found = self.reader(image)
        if not version:
            return found
        pixels = preprocess.decode(found) if isinstance(found, bytes) else found
        return changed(pixels, rng(self.seed, "copies", position))

    def part(self, positions: Sequence[int]) -> "CopyingReader":
        images = sorted({position // self.versions for position in positions})
        return CopyingReader(part(self.reader, images), self.versions, self.seed)


def changed(image: preprocess.Pixels, draw: np.random.Generator) -> preprocess.Pixels:
    """The picture flipped, turned, zoomed and lit a little differently, as the seed study augments.

    Args:
        image: (height, width, 3) uint8 RGB.
        draw: decides how.
    """
    flips = draw.random(2) < 0.5
    angle, zoom = draw.uniform(-ROTATION, ROTATION), draw.uniform(1 - ZOOM, 1 + ZOOM)
    brightness, contrast = 255 * draw.uniform(-LIGHT, LIGHT), draw.uniform(1 - LIGHT, 1 + LIGHT)
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, zoom)
    turned = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    turned = turned[:: -1 if flips[0] else 1, :: -1 if flips[1] else 1].astype(np.float32)
    mean = turned.mean()
    lit = (turned - mean) * contrast + mean + brightness
    return np.ascontiguousarray(np.clip(lit, 0, 255).round().astype(np.uint8))
