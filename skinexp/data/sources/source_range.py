"""The pixel range of a source: measured once, and kept in the cache beside the prepared images."""

import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import joblib

from skinexp.config.schema import Data
from skinexp.core.atomic_files import replace_text
from skinexp.core.digest import digest
from skinexp.core.strict_json import read_json
from skinexp.data.preparation.pixel_depth import bits_for
from skinexp.data.preparation.pixel_range import PixelRange, largest_value
from skinexp.data.table import Reader

log = logging.getLogger(__name__)

CACHE = "pixel_ranges"  # in data.cache
VERSION = 2  # increase it if the same files give another largest value, or the cache has another form


def pixel_range(reader: Reader, deep: Sequence[int], sha256: Sequence[str], options: Data) -> PixelRange | None:
    """Returns the range of the files that store more than 8 bits a channel; None if there is no such file.

    Args:
        reader: of the source.
        deep: positions of these files.
        sha256: checksums of these files.
        options: `pixel_bits` is the range if it is set; `cache` keeps what was measured.
    """
    if not deep:
        return None
    if options.pixel_bits is not None:
        return PixelRange(len(deep), None, options.pixel_bits)
    kept = Path(options.cache) / CACHE / f"{digest(VERSION, sorted(sha256))}.json"
    if (largest := _kept(kept)) is not None:
        return PixelRange(len(deep), largest, bits_for(largest))
    log.info("Range     %s files store more than 8 bits a channel: looking for their largest value", f"{len(deep):,}")
    reads = [partial(_encoded, reader, position) for position in deep]
    largest = largest_value(reads, options.workers or joblib.cpu_count())
    with suppress(OSError):  # a full disk or a read-only cache: it is measured again next time
        kept.parent.mkdir(parents=True, exist_ok=True)
        replace_text(kept, json.dumps({"largest": largest, "digest": digest(kept.stem, largest)}))
    return PixelRange(len(deep), largest, bits_for(largest))


def _kept(kept: Path) -> int | None:
    """Returns the largest value that a file of the cache holds; None if there is no such file, or a damaged one."""
    try:
        values = read_json(kept)
        largest = values["largest"]
        if type(largest) is int and values["digest"] == digest(kept.stem, largest):
            return largest
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        pass
    log.warning("Damaged   the pixel range in %s is measured again", kept)
    return None


def _encoded(reader: Reader, position: int) -> bytes:
    found = reader(position)
    return found if isinstance(found, bytes) else b""
