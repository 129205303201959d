"""The values of files with more than 8 bits a channel, and their way to 8 bits."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

FULL = 16  # bits: the largest depth of a channel that is read
BITS = (8, 10, 12, 14, FULL)  # that cameras and scanners have
PNG, PNG_DEPTH = b"\x89PNG\r\n\x1a\n", 24  # how such a file begins, and the place of its depth
BITS_PER_SAMPLE = 258  # the tag of a TIFF
GREY = ("I", "I;16", "I;16L", "I;16B", "I;16N")  # Pillow's modes of more than 8 bits


def values(image: Image.Image, data: bytes) -> npt.NDArray[Any] | None:
    """Returns the values of an opened image as the file stores them.

    Args:
        image: of the file, not rotated.
        data: content of the file.

    Returns:
        (height, width) grey, or (height, width, 3 or 4) RGB or RGBA; None if they have 8 bits or their own scale.
    """
    if image.format not in ("PNG", "TIFF"):
        return None  # JPEG 2000 and PNM name their depth, and Pillow scales by it
    if image.mode in GREY:
        return np.asarray(image)
    if not (is_deep_tiff(image) if image.format == "TIFF" else data[PNG_DEPTH] == FULL):
        return None
    stored = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)  # Pillow keeps the upper 8 bits only
    if stored is None or stored.dtype != np.uint16:
        return None
    if stored.ndim == 2:
        return stored
    return stored[..., [2, 1, 0, 3][: stored.shape[2]]]


def bits_for(largest: int) -> int:
    """Returns the fewest bits that hold a value."""
    return next((bits for bits in BITS if largest < 2**bits), FULL)


def colours(stored: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Returns values without opacity."""
    return stored[..., :3] if stored.ndim == 3 else stored


def scaled(stored: npt.NDArray[Any], bits: int) -> Image.Image:
    """Returns an image of 8 bits whose white is 2**bits - 1; larger values are white too. Opacity has all 16 bits."""
    clipped = np.clip(colours(stored), 0, 2**bits - 1)
    eight = (clipped.astype(np.float32) * (255 / (2**bits - 1))).round().astype(np.uint8)
    if stored.ndim == 3 and stored.shape[2] == 4:
        eight = np.dstack([eight, (stored[..., 3] / 257).round().astype(np.uint8)])
    return Image.fromarray(eight)


def is_deep_tiff(image: Image.Image) -> bool:
    """Returns whether an opened TIFF stores whole numbers of more than 8 bits."""
    if image.mode in GREY:
        return True
    depths = getattr(image, "tag_v2", {}).get(BITS_PER_SAMPLE, ())
    return any(depth > 8 for depth in (depths if isinstance(depths, tuple) else (depths,))) and image.mode != "F"
