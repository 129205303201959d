"""Leaky copies: changed copies of each image, made before the split on purpose.

The seed study's data set is of this kind. `experiment=leakage` measures the optimism that results from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from skinexp.core.digest import digest
from skinexp.core.randomness import rng
from skinexp.data.image_readers import part
from skinexp.data.preparation import preprocess
from skinexp.data.table import Reader, Table

VERSION = 1  # raise it when the same copy gets other pixels
ROTATION, ZOOM, LIGHT = 18.0, 0.1, 0.01  # degrees, share of the size, share of the range of values: each either way
ORIGINAL = "original"  # the column that names the image that a row is a version of


def add_leaky_copies(table: Table, copies: int, seed: int, grouped: bool) -> Table:
    """Returns a table in which changed copies follow each image; they share its label and its metadata.

    Args:
        table: the images.
        copies: of each image.
        seed: of the changes.
        grouped: whether copies stay in one part of the split as their original does; if not, each image and each copy
            is a group of its own.

    Returns:
        A table of (copies + 1) times as many rows, with column `original`.
    """
    versions = copies + 1
    frame = table.frame.loc[table.frame.index.repeat(versions)].reset_index(drop=True)
    version = np.tile(np.arange(versions), len(table.frame))
    suffixes = [f", copy {number}" if number else "" for number in version]
    copied = frame.assign(
        **{ORIGINAL: frame["image_id"]},
        image_id=frame["image_id"].astype(str) + suffixes,
        path=frame["path"] + suffixes,
        position=frame["position"] * versions + version,
        sha256=[
            digest(VERSION, seed, name, int(number)) if number else name
            for name, number in zip(frame["sha256"], version, strict=True)
        ],
    )
    reader, added = CopyingReader(table.reader, versions, seed), len(copied) - len(table.frame)
    if grouped:
        return replace(table, frame=copied, reader=reader, grouped_by=table.grouped_by or ORIGINAL, copies=added)
    return replace(table, frame=copied.assign(group=copied["image_id"]), reader=reader, copies=added)


@dataclass(frozen=True)
class CopyingReader:
    """Reader of several versions of each image of another reader; the first version is the image itself."""

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
    """Returns an image that is flipped, rotated, zoomed, and slightly changed in brightness and contrast.

    Args:
        image: (height, width, 3) uint8 RGB.
        draw: the source of random numbers.
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
