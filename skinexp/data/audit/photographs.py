"""Checks that images are photographs: not masks, not nearly black, and not pairs of an image and its mask."""

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePath
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from skinexp.data.audit.finding import NOTE, SERIOUS, WARNING, Finding
from skinexp.data.preparation.pixel_range import PixelRange

SIDE = 96  # pixels: at least so many of the shorter side are looked at
MEASURES = ("brightest", "top_values", "brightness")
STEP = 4  # grey levels that count as one value: a JPEG of a mask has some about each of its values
MASK_VALUES, MASK_SHARE = 3, 0.9  # an image is no photograph if so few grey values make up so much of it
DARK = 40  # of 255: an image without a brighter pixel is nearly black
BLACK = 2  # an image without a brighter pixel has one colour, which is another finding
LARGE_SHARE = 0.1  # of the images, above which a finding decides the scores
MOST_SHOWN = 12
WORD_AT_END = re.compile(r"[ _.-]+[A-Za-z]+[0-9]?$")  # such as `_seg`


def measure(pixels: npt.NDArray[Any]) -> dict[str, float]:
    """Returns measures of an image.

    Args:
        pixels: (height, width, 3) uint8 RGB.

    Returns:
        brightest: the grey value (0 to 255) that 0.1 % of the pixels exceed. top_values: share of the pixels that the
        three most frequent grey values make up. brightness: the mean grey value. All are NaN for pixels of another
        type, whose range is not known.
    """
    if pixels.dtype != np.uint8:
        return dict.fromkeys(MEASURES, math.nan)
    step = max(1, min(pixels.shape[:2]) // SIDE)
    grey = cv2.cvtColor(np.ascontiguousarray(pixels[::step, ::step]), cv2.COLOR_RGB2GRAY)
    counts = np.bincount(grey.ravel(), minlength=256)
    brightest = int(np.searchsorted(counts.cumsum(), 0.999 * grey.size))
    values = np.sort(counts.reshape(-1, STEP).sum(axis=1))[-MASK_VALUES:]
    shares = {"top_values": float(values.sum() / grey.size), "brightness": float(grey.mean())}
    return {"brightest": float(brightest)} | shares


def measure_all(read: Callable[[int], npt.NDArray[Any]], images: int) -> pd.DataFrame:
    """Returns one row per image, with columns `MEASURES`."""
    return pd.DataFrame([measure(read(place)) for place in range(images)], columns=list(MEASURES))


def is_dark(brightest: pd.Series) -> pd.Series:
    """Returns whether images are nearly black, but not of one colour."""
    return (brightest > BLACK) & (brightest < DARK)


def findings(frame: pd.DataFrame, measures: pd.DataFrame, pixel_range: PixelRange | None) -> list[Finding]:
    """Returns which images may be no photographs.

    Args:
        frame: one row per image: image_id, path.
        measures: of each image, row by row as `frame`; a value that is not known is missing.
        pixel_range: of files with more than 8 bits a channel, if there are any.
    """
    dark = is_dark(measures["brightest"]).to_numpy()
    masks = (measures["top_values"] >= MASK_SHARE).to_numpy() & ~dark & (measures["brightest"] > BLACK).to_numpy()
    found = [_dark(frame, measures, dark, pixel_range), _masks(frame, measures, masks), one_stem(frame)]
    return [finding for finding in found if finding is not None]


def _dark(
    frame: pd.DataFrame, measures: pd.DataFrame, are: npt.NDArray[np.bool_], pixel_range: PixelRange | None
) -> Finding | None:
    if not are.any():
        return None
    detail = "brightest " + measures.loc[are, "brightest"].map("{:.0f}".format)
    remedy = "Find the originals, or remove them"
    if pixel_range is not None:
        remedy = f"{pixel_range.sentence}. If their values fill fewer bits, 12 for instance: data.pixel_bits=12"
    sentence = f"{_count(are)} nearly black (no pixel is brighter than {DARK} of 255). {remedy}"
    return _finding("dark", frame, are, detail, sentence)


def _masks(frame: pd.DataFrame, measures: pd.DataFrame, are: npt.NDArray[np.bool_]) -> Finding | None:
    if not are.any():
        return None
    detail = measures.loc[are, "top_values"].map(f"{MASK_VALUES} grey values on {{:.0%}} of the pixels".format)
    sentence = (
        f"{_count(are)} made of {MASK_VALUES} grey values or fewer, as masks are and photographs are not. Leave masks "
        f"out: move them out of data.path, or name the photographs in a manifest"
    )
    return _finding("mask_like", frame, are, detail, sentence)


def one_stem(frame: pd.DataFrame) -> Finding | None:
    """Returns pairs of images in one folder whose names differ by a suffix or by a word at the end only."""
    folders: dict[PurePath, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row, path in enumerate(map(PurePath, frame["path"])):
        folders[path.parent][path.stem if path.suffix else path.name].append(row)
    pairs = []
    for stems in folders.values():
        for stem, rows in stems.items():
            pairs += [
                (rows[0], other) for other in rows[1:] if frame["path"].iloc[rows[0]] != frame["path"].iloc[other]
            ]
            if shorter := next((name for name in _without_words(stem) if name in stems), None):
                pairs.append((stems[shorter][0], rows[0]))
    if not pairs:
        return None
    names = frame["image_id"].to_numpy(), frame["path"].to_numpy()
    listed = pd.DataFrame(
        [(names[0][first], names[0][second], names[1][first], names[1][second], "one stem") for first, second in pairs],
        columns=["first", "second", "first_path", "second_path", "detail"],
    )
    example = " and ".join(PurePath(names[1][row]).name for row in pairs[0])
    counted = "One pair of images in a folder shares" if len(pairs) == 1 else f"{len(pairs):,} pairs in a folder share"
    sentence = f"{counted} a stem ({example}). If one is the mask or a copy of the other, move it out of data.path"
    severity = WARNING if len(pairs) > LARGE_SHARE * len(frame) else NOTE
    return Finding("one_stem", severity, len(pairs), sentence, listed, pairs[:MOST_SHOWN])


def _without_words(stem: str) -> Iterator[str]:
    """Yields a name without its last word, without its last two, and so on: `a_1` of `a_1_left_mask`."""
    while match := WORD_AT_END.search(stem):
        stem = stem[: match.start()]
        yield stem


def _finding(name: str, frame: pd.DataFrame, are: npt.NDArray[np.bool_], detail: pd.Series, sentence: str) -> Finding:
    rows = frame.loc[are, ["image_id", "path"]].assign(detail=detail.to_numpy())
    shown: Sequence[Sequence[int]] = [[int(row)] for row in np.flatnonzero(are)[:MOST_SHOWN]]
    severity = SERIOUS if are.mean() > LARGE_SHARE else WARNING
    return Finding(name, severity, int(are.sum()), sentence, rows, shown)


def _count(are: npt.NDArray[np.bool_]) -> str:
    return f"{are.sum():,} of {are.size:,} images are" if are.sum() > 1 else f"One of {are.size:,} images is"
