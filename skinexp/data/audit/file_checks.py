"""What each file is like: whether it can be read, its format, size and mode, and how much of it is border."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import PurePath
from typing import Any

import joblib
import numpy as np
import pandas as pd

from skinexp.data.audit.finding import NOTE, WARNING, Finding
from skinexp.data.preparation import preprocess
from skinexp.data.table import Reader

SIDE = 256  # pixels of the shorter side that a picture is looked at in
TINY = 32  # pixels of the shorter side below which nothing of a lesion can be seen
EXTREME = 3  # times as long as wide: a strip, not a photograph
FLAT = 2  # grey levels: a picture that varies no more shows nothing
USUAL_MODES = ("RGB", "L")
SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png", ".apng"),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "BMP": (".bmp", ".dib"),
    "GIF": (".gif",),
    "JPEG2000": (".jp2", ".j2k", ".jpx", ".jpf"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
}
ORIENTATION, UPRIGHT = 0x0112, 1  # of EXIF: the tag, and its usual value

Look = dict[str, Any]
Progress = Callable[[str, int, int], None]


def look_at_all(frame: pd.DataFrame, reader: Reader, workers: int | None, progress: Progress) -> pd.DataFrame:
    """One row an image: format, mode, width, height, bytes, compression, orientation, frames, range, border, reason.

    `reason` says why an image cannot be used; what was not found out is missing. One image a thread is in memory.
    """
    positions = frame["position"].tolist()
    looks = []
    with ThreadPoolExecutor(workers or joblib.cpu_count()) as threads:
        for done, look in enumerate(threads.map(lambda position: look_at(reader, position), positions), 1):
            looks.append(look)
            progress("files", done, len(positions))
    columns = ["format", "mode", "width", "height", "bytes", "compression", "orientation", "frames", "range", "border"]
    return pd.DataFrame(looks, index=frame.index).reindex(columns=[*columns, "reason"])


def look_at(reader: Reader, position: int) -> Look:
    """What one file is like."""
    look: Look = {}
    try:
        pixels = reader(position)
        if isinstance(pixels, bytes):
            look = _header(pixels)
            pixels = preprocess.decode(pixels, SIDE)
        look |= {"width": pixels.shape[1], "height": pixels.shape[0]} if "width" not in look else {}
        look |= _pixels(pixels)
    except preprocess.ImageError as error:
        look["reason"] = str(error)
    except OSError as error:
        look["reason"] = error.strerror or str(error)
    return look


def _header(data: bytes) -> Look:
    """What a file says of itself, without its pixels."""
    look: Look = {"bytes": len(data)}
    # Each format fails in its own way on damaged headers; what matters of that is said by decoding.
    with preprocess.without_warnings, suppress(Exception), preprocess.opened(data) as image:
        look |= {"format": image.format, "mode": image.mode, "width": image.width, "height": image.height}
        if tables := getattr(image, "quantization", None):
            look["compression"] = float(np.mean(tables[min(tables)]))  # large numbers: few bits a pixel
        look["orientation"] = int(image.getexif().get(ORIENTATION, UPRIGHT))
        look["frames"] = int(getattr(image, "n_frames", 1))
    return look


def _pixels(pixels: preprocess.Pixels) -> Look:
    small = preprocess.reduced(pixels, min(pixels.shape[:2]) / SIDE)
    rows, columns = preprocess.border_box(small)
    kept = (rows.stop - rows.start) * (columns.stop - columns.start)
    spread = small.max(axis=(0, 1)).astype(int) - small.min(axis=(0, 1))
    return {"range": int(spread.max()), "border": 1 - kept / (small.shape[0] * small.shape[1])}


def findings(frame: pd.DataFrame, looks: pd.DataFrame) -> list[Finding]:
    """What is odd about files that can be used."""
    short, long = looks[["width", "height"]].min(axis=1), looks[["width", "height"]].max(axis=1)
    usable = looks["reason"].isna()
    misnamed = [_is_misnamed(path, kind) for path, kind in zip(frame["path"], looks["format"], strict=True)]
    sizes = looks["width"].map("{:.0f}".format) + " x " + looks["height"].map("{:.0f}".format)
    odd: Mapping[str, tuple[str, pd.Series, pd.Series, str]] = {
        "constant": (
            WARNING, usable & (looks["range"] <= FLAT), looks["range"].map("{:.0f} grey levels".format),
            "images show one colour and nothing else. Remove them",
        ),
        "tiny": (
            WARNING, usable & (short < TINY), sizes,
            f"images have fewer than {TINY} pixels on a side. Find the originals, or remove them",
        ),
        "extreme_aspect": (
            WARNING, usable & (long > EXTREME * short), sizes,
            f"images are more than {EXTREME} times as long as wide, and are squeezed to a square. Cut out the lesion",
        ),
        "odd_mode": (
            NOTE, usable & looks["mode"].notna() & ~looks["mode"].isin(USUAL_MODES), looks["mode"].astype(str),
            "images are neither 8-bit RGB nor grey and are converted: look whether their colours are right",
        ),
        "animated": (
            NOTE, usable & (looks["frames"] > 1), looks["frames"].map("{:.0f} frames".format),
            "files hold several pictures, of which the first is used",
        ),
        "turned_by_exif": (
            NOTE, usable & (looks["orientation"] > UPRIGHT), looks["orientation"].map("orientation {:.0f}".format),
            "images lie on their side and are turned upright as their EXIF data say",
        ),
        "wrong_suffix": (
            NOTE, usable & pd.Series(misnamed, frame.index), looks["format"].astype(str),
            "files are of another format than their names say; they are read by what they hold",
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
    """Files that cannot be used, each with its reason (None where it can)."""
    rows = pd.DataFrame(
        [(path, reason) for path, reason in zip(paths, reasons, strict=True) if isinstance(reason, str)],
        columns=["path", "reason"],
    )
    if rows.empty:
        return None
    commonest = rows["reason"].str.split(" (", regex=False).str[0].value_counts()
    told = ", ".join(f"{count:,} {reason}" for reason, count in commonest.head(4).items())
    sentence = (
        f"{len(rows):,} files cannot be used ({told}). Repair or replace them; data.on_bad_image=skip trains without"
    )
    return Finding("unusable", WARNING, len(rows), sentence, rows)


def _is_misnamed(path: str, kind: object) -> bool:
    suffix = PurePath(path).suffix.lower()
    known = {ending for endings in SUFFIXES.values() for ending in endings}
    return isinstance(kind, str) and suffix in known and suffix not in SUFFIXES.get(kind, ())
