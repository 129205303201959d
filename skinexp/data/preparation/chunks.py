"""Chunks of images: decoded, preprocessed and written into the cache file, in this process or in a worker.

Worker processes import this file, so it imports little.
"""

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from skinexp.config.schema import Preprocess
from skinexp.data.preparation import preprocess

Reader = Callable[[int], bytes | np.ndarray]  # as in data.table, which workers do not import for pandas' sake


@dataclass(frozen=True)
class Target:
    """The file with the pixels of all images, one after the other, and the options of their preparation."""

    file: Path
    offset: int  # of the first image
    options: Preprocess
    key: str  # of the cache entry: checksums of another entry do not fit

    @property
    def row_bytes(self) -> int:
        return 3 * self.options.size**2


@dataclass(frozen=True)
class Chunk:
    """Images that are adjacent in the cache file."""

    first: int  # row of the first one
    positions: Sequence[int]  # of all of them in the source
    reader: Reader  # knows these positions at least

    @property
    def size(self) -> int:
        return len(self.positions)


@dataclass(frozen=True)
class Written:
    """A chunk that is in the cache file."""

    first: int
    size: int
    checksum: int  # see `checksum`
    bad: dict[int, str] = field(default_factory=dict)  # row and reason of images without pixels: zeros stand for them


def checksum(pixels: bytes | bytearray, bad: Mapping[int, str], key: str) -> int:
    """Returns the CRC-32 of a chunk: of the entry's key, the images without pixels, and the pixels of all images."""
    return zlib.crc32(pixels, zlib.crc32(json.dumps([key, sorted(bad.items())]).encode()))


def write(chunk: Chunk, target: Target) -> Written:
    """Prepares a chunk and writes its pixels to their place in the file."""
    bad: dict[int, str] = {}
    pixels = bytearray()
    for row, position in enumerate(chunk.positions, chunk.first):
        prepared = prepare_one(chunk.reader, target.options, position)
        if isinstance(prepared, str):
            bad[row] = prepared
        pixels += bytes(target.row_bytes) if isinstance(prepared, str) else prepared.tobytes()
    with target.file.open("r+b", buffering=0) as stream:
        stream.seek(target.offset + chunk.first * target.row_bytes)
        left = memoryview(pixels)
        while left:  # a nearly full disk accepts a part first, and fails then
            left = left[stream.write(left) :]
    return Written(chunk.first, chunk.size, checksum(pixels, bad, target.key), bad)


def prepare_one(reader: Reader, options: Preprocess, position: int) -> np.ndarray | str:
    """Returns one prepared image, or the reason why there is none."""
    try:
        pixels = reader(position)
        if isinstance(pixels, bytes):
            pixels = preprocess.decode(pixels, preprocess.draft_side(options.size))
        return preprocess.apply(pixels, options)
    except preprocess.ImageError as error:
        return str(error)
    except OSError as error:
        return error.strerror or str(error)
