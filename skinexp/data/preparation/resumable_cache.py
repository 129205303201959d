"""A cache directory while it is filled: progress survives the process; only a complete one gets its final name.

Guarantees. If the process is killed: a line in the progress file is written after its chunk's pixels, and the kernel
keeps what was written, so a line stands for pixels. After a power cut: the disk may keep the line and lose the pixels;
the checksum in the line shows this, and the chunk is done again. A directory is on the disk before it gets its name.
"""

import json
import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np

from skinexp.config.schema import Preprocess
from skinexp.data.preparation.chunks import Target, Written

IMAGES, BAD, PROGRESS = "images.npy", "bad.json", "progress.jsonl"
CHUNK = 16  # images that are done, or done again, together


class ResumableCache:
    """The directory `<final name>.unfinished`; opening it again resumes where the last process stopped.

    Attributes:
        target: the file of the pixels.
        rows: number of all images.
        done: the chunks that are in the file, by their first row.
    """

    def __init__(self, final: Path, rows: int, options: Preprocess) -> None:
        self.rows, self._final, self._directory = rows, final, final.with_name(f"{final.name}.unfinished")
        self._directory.mkdir(parents=True, exist_ok=True)
        self.target = self._open(self._directory / IMAGES, options)
        self.done = {written.first: written for written in self._listed() if self._is_whole(written)}
        # Written anew, without lines that are incomplete or have lost their pixels.
        complete = self._directory / f"{PROGRESS}.new"
        complete.write_text("".join(map(_line, self.done.values())))
        complete.replace(self._directory / PROGRESS)

    @property
    def done_rows(self) -> int:
        return sum(written.size for written in self.done.values())

    def left(self) -> Iterator[range]:
        """Yields the rows of each chunk that is not done."""
        for first in range(0, self.rows, CHUNK):
            if first not in self.done:
                yield self._chunk(first)

    def mark(self, written: Written) -> None:
        """Records that a chunk is in the file."""
        self.done[written.first] = written
        with (self._directory / PROGRESS).open("a") as stream:
            stream.write(_line(written))

    def finish(self) -> None:
        """Gives the directory its final name."""
        bad = {row: reason for first in sorted(self.done) for row, reason in self.done[first].bad.items()}
        (self._directory / BAD).write_text(json.dumps(bad))
        for name in (BAD, IMAGES):
            _sync(self._directory / name)
        try:
            self._directory.rename(self._final)
        except OSError:
            if not self._final.is_dir():  # else, where locks do not work, another job was faster
                raise
            shutil.rmtree(self._directory, ignore_errors=True)
        with suppress(OSError):  # where a directory cannot be synced
            _sync(self._final.parent)
        (self._final / PROGRESS).unlink(missing_ok=True)

    def _open(self, file: Path, options: Preprocess) -> Target:
        """Creates the file in its full length: zeros, which take no space on the disk yet."""
        file.touch()
        shape = (self.rows, options.size, options.size, 3)
        header = {"shape": shape, "fortran_order": False, "descr": np.lib.format.dtype_to_descr(np.dtype(np.uint8))}
        with file.open("r+b") as stream:
            np.lib.format.write_array_header_1_0(stream, header)  # the same each time
            target = Target(file, stream.tell(), options)
            stream.truncate(target.offset + self.rows * target.row_bytes)
        return target

    def _chunk(self, first: int) -> range:
        return range(first, min(first + CHUNK, self.rows))

    def _listed(self) -> Iterator[Written]:
        file = self._directory / PROGRESS
        for line in file.read_text(errors="replace").splitlines() if file.exists() else []:
            with suppress(ValueError, TypeError, KeyError, AttributeError):  # cut off, or of another version
                values = json.loads(line)
                yield Written(**{**values, "bad": {int(row): reason for row, reason in values["bad"].items()}})

    def _is_whole(self, written: Written) -> bool:
        """Returns whether a chunk's pixels are in the file as they were written."""
        if written.first not in range(0, self.rows, CHUNK) or written.size != len(self._chunk(written.first)):
            return False
        with self.target.file.open("rb") as stream:
            stream.seek(self.target.offset + written.first * self.target.row_bytes)
            return zlib.crc32(stream.read(written.size * self.target.row_bytes)) == written.checksum


def _line(written: Written) -> str:
    return json.dumps(asdict(written)) + "\n"


def _sync(path: Path) -> None:
    """Waits until a file, or a directory's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
