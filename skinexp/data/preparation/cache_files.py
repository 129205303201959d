"""The files of one cache of prepared images, and whether they are whole.

`images.npy` holds the pixels. `progress.jsonl` has a line for each chunk of images: which they are, which of them
cannot be used, and a checksum of this and of the pixels. A chunk counts if its pixels fit its line. So whatever
happened to either file, a chunk is read as it was written or prepared again. Nothing in these files is executed.
"""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from io import BufferedReader
from pathlib import Path

import numpy as np

from skinexp.config.schema import Preprocess
from skinexp.core.sealed_arrays import npy_header
from skinexp.data.preparation.chunks import Target, Written, checksum

IMAGES, PROGRESS = "images.npy", "progress.jsonl"
CHUNK = 16  # images that are done, or done again, together
THREADS = 4  # that read chunks; computing a checksum leaves the interpreter to the others


@dataclass(frozen=True)
class CacheFiles:
    """The files of a cache of prepared images.

    Attributes:
        directory: that holds them.
        key: of the images and their preparation.
        rows: number of all images.
        options: of their preparation.
    """

    directory: Path
    key: str
    rows: int
    options: Preprocess

    @property
    def images(self) -> Path:
        return self.directory / IMAGES

    @property
    def progress(self) -> Path:
        return self.directory / PROGRESS

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of the pixels: (images, size, size, 3)."""
        return self.rows, self.options.size, self.options.size, 3

    @cached_property
    def header(self) -> bytes:
        """The first bytes of `images.npy`."""
        return npy_header(self.shape, np.uint8)

    @property
    def target(self) -> Target:
        """Where chunks are written."""
        return Target(self.images, len(self.header), self.options, self.key)

    @property
    def length(self) -> int:
        """Bytes of `images.npy`."""
        return len(self.header) + self.rows * self.target.row_bytes

    def chunk(self, first: int) -> range:
        """Returns the rows of the chunk that begins with a row."""
        return range(first, min(first + CHUNK, self.rows))

    def read(self) -> tuple[np.ndarray, dict[int, str]] | None:
        """Reads the images of a cache that is complete.

        Returns:
            (rows, size, size, 3) uint8 pixels, memory-mapped copy-on-write, so that a tensor may share them; and the
            reason of each row without an image. None if a file is absent, incomplete or damaged.
        """
        with suppress(OSError), self.images.open("rb") as stream:
            if os.fstat(stream.fileno()).st_size != self.length or stream.read(len(self.header)) != self.header:
                return None
            done = self.whole_chunks(stream)
            if sum(written.size for written in done) != self.rows:
                return None
            bad = {row: reason for written in done for row, reason in written.bad.items()}
            # Of the stream that was checked: another job may put another file in its place.
            return np.memmap(stream, np.uint8, "c", len(self.header), self.shape), dict(sorted(bad.items()))
        return None

    def whole_chunks(self, stream: BufferedReader) -> list[Written]:
        """Returns the chunks whose pixels are in an open `images.npy` as they were written, each once."""
        listed = list(self._listed())
        with ThreadPoolExecutor(THREADS) as threads:
            is_whole = threads.map(lambda written: self._is_whole(written, stream.fileno()), listed)
            done = {written.first: written for written, whole in zip(listed, is_whole, strict=True) if whole}
        return [done[first] for first in sorted(done)]

    def _listed(self) -> Iterator[Written]:
        with suppress(OSError):
            for line in self.progress.read_text(encoding="utf-8", errors="replace").splitlines():
                # Cut off, damaged, or of another version.
                with suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
                    values = json.loads(line)
                    bad = {int(row): str(reason) for row, reason in values["bad"].items()}
                    written = Written(int(values["first"]), int(values["size"]), int(values["checksum"]), bad)
                    if written.first in range(0, self.rows, CHUNK) and written.size == len(self.chunk(written.first)):
                        yield written

    def _is_whole(self, written: Written, descriptor: int) -> bool:
        length = written.size * self.target.row_bytes
        pixels = os.pread(descriptor, length, len(self.header) + written.first * self.target.row_bytes)
        return len(pixels) == length and checksum(pixels, written.bad, self.key) == written.checksum


def line_of(written: Written) -> str:
    """Returns the line of a chunk in the file `progress.jsonl`."""
    return json.dumps(asdict(written)) + "\n"
