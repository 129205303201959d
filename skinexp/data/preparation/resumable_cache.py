"""A cache directory while it is filled: progress survives the process; only a complete one gets its final name.

Guarantees. If the process is killed: a line in the progress file is written after its chunk's pixels, and the kernel
keeps what was written, so a line stands for pixels. After a power cut: the disk may keep the line and lose the pixels;
the checksum in the line shows this, and the chunk is done again. A directory is on the disk before it gets its name.
A complete cache that was damaged since then loses its name, and its damaged chunks are done again.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from skinexp.core.atomic_files import remove_any
from skinexp.data.preparation.cache_files import CHUNK, CacheFiles, line_of
from skinexp.data.preparation.chunks import Target, Written


class ResumableCache:
    """The directory `<final name>.unfinished`; opening it again resumes where the last process stopped.

    Attributes:
        is_repair: whether a complete cache was there, which is damaged.
        done: the chunks that are in the file, by their first row.
    """

    def __init__(self, final: CacheFiles) -> None:
        self._final = final.directory
        self._files = replace(final, directory=self._final.with_name(f"{self._final.name}.unfinished"))
        self.is_repair = os.path.lexists(self._final)
        if self.is_repair:
            remove_any(self._files.directory)
            self._final.rename(self._files.directory)
        if not self._files.directory.is_dir():
            remove_any(self._files.directory)
        self._files.directory.mkdir(parents=True, exist_ok=True)
        self._create_images()
        with self._files.images.open("rb") as stream:
            self.done = {written.first: written for written in self._files.whole_chunks(stream)}
        if not self._files.progress.is_file():
            remove_any(self._files.progress)
        # Written anew, without lines that are incomplete or have lost their pixels.
        complete = self._files.progress.with_suffix(".new")
        complete.write_text("".join(map(line_of, self.done.values())))
        complete.replace(self._files.progress)

    @property
    def target(self) -> Target:
        """The file of the pixels."""
        return self._files.target

    @property
    def rows(self) -> int:
        """Number of all images."""
        return self._files.rows

    @property
    def done_rows(self) -> int:
        return sum(written.size for written in self.done.values())

    def left(self) -> Iterator[range]:
        """Yields the rows of each chunk that is not done."""
        for first in range(0, self.rows, CHUNK):
            if first not in self.done:
                yield self._files.chunk(first)

    def mark(self, written: Written) -> None:
        """Records that a chunk is in the file."""
        self.done[written.first] = written
        with self._files.progress.open("a") as stream:
            stream.write(line_of(written))

    def finish(self) -> None:
        """Gives the directory its final name."""
        for file in (self._files.images, self._files.progress):
            _sync(file)
        try:
            self._files.directory.rename(self._final)
        except OSError:
            if not self._final.is_dir():  # else, where locks do not work, another job was faster
                raise
            shutil.rmtree(self._files.directory, ignore_errors=True)
        with suppress(OSError):  # where a directory cannot be synced
            _sync(self._final.parent)

    def _create_images(self) -> None:
        """Creates the file in its full length: zeros, which take no space on the disk yet; what it holds stays."""
        file = self._files.images
        if not file.is_file() or file.is_symlink():
            remove_any(file)
        file.touch()
        with file.open("r+b") as stream:
            stream.write(self._files.header)
            stream.truncate(self._files.length)


def _sync(path: Path) -> None:
    """Waits until a file, or a directory's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
