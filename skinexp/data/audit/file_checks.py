"""Checks of each file: whether it can be read, its format, size and mode, and how much of the image is border."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import PurePath
from typing import Any

import joblib
import numpy as np
import pandas as pd

from skinexp.data.audit import photographs
from skinexp.data.audit.finding import NOTE, WARNING, Finding
from skinexp.data.image_readers import encoded
from skinexp.data.preparation import preprocess
from skinexp.data.preparation.preprocess import ORIENTATION, UPRIGHT
from skinexp.data.sources.listing import FORMAT_OF, SUFFIXES
from skinexp.data.table import Reader

SIDE = 256  # pixels of the shorter side in which an image is inspected
TINY = 32  # pixels of the shorter side, below which a lesion shows no detail
EXTREME = 3  # times as long as wide: a strip, not a photograph
FLAT = 2  # grey levels: an image with no larger range is constant
USUAL_MODES = ("RGB", "L")

Properties = dict[str, Any]
Progress = Callable[[str, int, int], None]


def inspect_files(frame: pd.DataFrame, reader: Reader, workers: int | None, progress: Progress) -> pd.DataFrame:
    """Returns the properties of all files.

    One image per thread is in memory.

    Args:
        frame: one row per image, with column `position`.
        reader: of the files by position.
        workers: number of threads; None: one per CPU core.
        progress: is called with a stage's name, the number of files that are done, and the number of all.

    Returns:
        One row per image, with the frame's index: format, mode, width, height, bytes, compression, orientation, frames,
        range, border, brightest, top_values (of `photographs.measure`), and reason: why the image cannot be used. A
        value that is not known is missing.
    """
    positions = frame["position"].tolist()
    found = []
    with ThreadPoolExecutor(workers or joblib.cpu_count()) as threads:
        for done, properties in enumerate(threads.map(lambda position: inspect_file(reader, position), positions), 1):
            found.append(properties)
            progress("files", done, len(positions))
    columns = ["format", "mode", "width", "height", "bytes", "compression", "orientation", "frames", "range", "border"]
    columns += [*photographs.MEASURES, "reason"]
    return pd.DataFrame(found, index=frame.index).reindex(columns=columns)


def inspect_file(reader: Reader, position: int) -> Properties:
    """Returns the properties of one file."""
    properties: Properties = {}
    try:
        pixels = reader(position)
        if isinstance(data := encoded(reader, position, pixels), bytes):
            properties = _header(data)
        if isinstance(pixels, bytes):
            pixels = preprocess.decode(pixels, SIDE)
        properties = {"width": pixels.shape[1], "height": pixels.shape[0]} | properties | _pixels(pixels)
    except preprocess.ImageError as error:
        properties["reason"] = str(error)
    except OSError as error:
        properties["reason"] = error.strerror or str(error)
    return properties


def _header(data: bytes) -> Properties:
    """Returns what a file's header contains."""
    properties: Properties = {"bytes": len(data)}
    # Each format fails in its own way on damaged headers; decoding reports what matters.
    with preprocess.without_warnings, suppress(Exception), preprocess.opened(data) as image:
        properties |= {"format": image.format, "mode": image.mode, "width": image.width, "height": image.height}
        if tables := getattr(image, "quantization", None):
            properties["compression"] = float(np.mean(tables[min(tables)]))  # large: few bits per pixel
        properties["orientation"] = int(image.getexif().get(ORIENTATION, UPRIGHT))
        properties["frames"] = int(getattr(image, "n_frames", 1))
    return properties


def _pixels(pixels: preprocess.Pixels) -> Properties:
    small = preprocess.reduced(pixels, min(pixels.shape[:2]) / SIDE)
    rows, columns = preprocess.border_box(small)
    kept = (rows.stop - rows.start) * (columns.stop - columns.start)
    spread = small.max(axis=(0, 1)).astype(int) - small.min(axis=(0, 1))
    border = 1 - kept / (small.shape[0] * small.shape[1])
    return {"range": int(spread.max()), "border": border} | photographs.measure(small)


def findings(frame: pd.DataFrame, files: pd.DataFrame) -> list[Finding]:
    """Returns what is unusual about files that can be used.

    Args:
        frame: one row per image: image_id, path.
        files: their properties, from `inspect_files`.
    """
    short, long = files[["width", "height"]].min(axis=1), files[["width", "height"]].max(axis=1)
    usable = files["reason"].isna()
    misnamed = [_is_misnamed(path, kind) for path, kind in zip(frame["path"], files["format"], strict=True)]
    sizes = files["width"].map("{:.0f}".format) + " x " + files["height"].map("{:.0f}".format)
    odd: Mapping[str, tuple[str, pd.Series, pd.Series, str]] = {
        "constant": (
            WARNING, usable & (files["range"] <= FLAT), files["range"].map("{:.0f} grey levels".format),
            "images show a single colour. Remove them",
        ),
        "tiny": (
            WARNING, usable & (short < TINY), sizes,
            f"images have fewer than {TINY} pixels on a side. Find the originals, or remove them",
        ),
        "extreme_aspect": (
            WARNING, usable & (long > EXTREME * short), sizes,
            f"images are more than {EXTREME} times as long as wide, and are squeezed to a square. Crop them",
        ),
        "odd_mode": (
            NOTE, usable & files["mode"].notna() & ~files["mode"].isin(USUAL_MODES), files["mode"].astype(str),
            "images are neither 8-bit RGB nor grey and are converted: check their colours",
        ),
        "animated": (
            NOTE, usable & (files["frames"] > 1), files["frames"].map("{:.0f} frames".format),
            "files contain several images, of which the first is used",
        ),
        "turned_by_exif": (
            NOTE, usable & (files["orientation"] > UPRIGHT), files["orientation"].map("orientation {:.0f}".format),
            "images are rotated upright according to their EXIF data",
        ),
        "wrong_suffix": (
            NOTE, usable & pd.Series(misnamed, frame.index), files["format"].astype(str),
            "files have another format than their names suggest; they are read by their content",
        ),
    }  # fmt: skip
    found = []
    for name, (severity, are, detail, words) in odd.items():
        if are.any():
            rows = frame.loc[are, ["image_id", "path"]].assign(detail=detail[are])
            shown = [[position] for position in np.flatnonzero(are)[:12]]
            found.append(Finding(name, severity, len(rows), f"{len(rows):,} {words}", rows, shown))
    return found


def unusable(paths: list[str], reasons: list[str | None]) -> Finding | None:
    """Returns the files that cannot be used.

    Args:
        paths: of all files.
        reasons: why each file cannot be used; None if it can.
    """
    rows = pd.DataFrame(
        [(path, reason) for path, reason in zip(paths, reasons, strict=True) if isinstance(reason, str)],
        columns=["path", "reason"],
    )
    if rows.empty:
        return None
    commonest = rows["reason"].str.split(" (", regex=False).str[0].value_counts()
    listed = ", ".join(f"{count:,} {reason}" for reason, count in commonest.head(4).items())
    sentence = f"{len(rows):,} files cannot be used ({listed}). Repair or replace them, or use data.on_bad_image=skip"
    return Finding("unusable", WARNING, len(rows), sentence, rows)


def _is_misnamed(path: str, kind: object) -> bool:
    suffix = PurePath(path).suffix.lower()
    return isinstance(kind, str) and suffix in FORMAT_OF and suffix not in SUFFIXES.get(kind, ())
