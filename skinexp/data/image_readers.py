"""Readers: functions from the position of an image in its source to its encoded bytes or its pixels.

Readers are pickled into worker processes. So this file imports little, and a reader can return a `part` of itself,
whose size does not grow with the data set.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from skinexp.config.schema import Phantom
from skinexp.core.errors import UserError
from skinexp.data.preparation import preprocess
from skinexp.data.sources.listing import why_no_file

LARGEST_FILE = 2**29  # bytes: half a gibibyte, far above any photograph
UNREADABLE = "unreadable: "  # in place of the checksum of a file that could not be read when it was listed


class TooLarge(OSError):
    """The error of a file that is larger than `LARGEST_FILE`."""


def read_file(path: Path) -> bytes:
    """Returns the bytes of a file.

    Raises:
        OSError: if it cannot be read, is not a regular file (a pipe, a directory), or is larger than `LARGEST_FILE`.
    """
    if reason := why_no_file(path):
        raise OSError(reason)
    if path.stat().st_size > LARGEST_FILE:
        raise TooLarge(f"larger than {LARGEST_FILE // 2**20} MiB")
    return path.read_bytes()


def part(reader: Any, positions: Sequence[int]) -> Any:
    """Returns a reader of these positions only, if `reader` supports that, or else `reader` itself."""
    return reader.part(positions) if hasattr(reader, "part") else reader


def encoded(reader: Any, position: int, found: bytes | np.ndarray) -> bytes | np.ndarray:
    """Returns the content of the file behind what a reader found, which may have decoded it; `found` if it did not."""
    return reader.encoded(position) if hasattr(reader, "encoded") else found


@dataclass(frozen=True)
class FileReader:
    """Reader of the image files of a directory."""

    directory: Path
    files: Sequence[str] | Mapping[int, str]

    def __call__(self, position: int) -> bytes:
        return read_file(self.directory / self.files[position])

    def part(self, positions: Sequence[int]) -> "FileReader":
        return FileReader(self.directory, {position: self.files[position] for position in positions})


@dataclass(frozen=True)
class CheckedReader:
    """Reader that refuses an image whose bytes are not those that were listed.

    So no pixels are kept under the checksum of others, if files are exchanged between listing and reading them.

    Attributes:
        reader: of encoded images.
        listed: checksum and path of each image, by position; in place of the checksum of a file that could not be
            read, the reason.
    """

    reader: Any
    listed: Sequence[tuple[str, str]] | Mapping[int, tuple[str, str]]

    def __call__(self, position: int) -> bytes:
        sha256, path = self.listed[position]
        try:
            found: bytes = self.reader(position)
        except TooLarge:
            raise
        except OSError as error:
            if sha256.startswith(UNREADABLE):
                raise
            raise _changed(path, error.strerror or str(error)) from error
        if hashlib.sha256(found).hexdigest() != sha256:
            raise _changed(path, "its content is another")
        return found

    def part(self, positions: Sequence[int]) -> "CheckedReader":
        return CheckedReader(part(self.reader, positions), {position: self.listed[position] for position in positions})


def _changed(path: str, what: str) -> UserError:
    return UserError(
        f"data.path: {path} has changed since the images were listed: {what}. Nothing of it was kept. Run the command "
        "again when nothing writes to the images any more"
    )


@dataclass(frozen=True)
class HubReader:
    """Reader of the encoded images of a Hugging Face data set, whose image column is not decoded."""

    dataset: Any  # datasets.Dataset
    column: str

    def __call__(self, position: int) -> bytes:
        return self.part([position])(position)

    def part(self, positions: Sequence[int]) -> "CellReader":
        """Returns a reader that contains the encoded images: a process then need not import `datasets`."""
        cells = self.dataset[[int(position) for position in positions]][self.column]
        return CellReader(dict(zip(positions, cells, strict=True)))


@dataclass(frozen=True)
class CellReader:
    """Reader of encoded images as `datasets` stores them: bytes, or else the path of a file."""

    cells: Mapping[int, Mapping[str, Any]]

    def __call__(self, position: int) -> bytes:
        cell = self.cells[position]
        return cell["bytes"] if cell["bytes"] is not None else read_file(Path(cell["path"]))


@dataclass(frozen=True)
class PhantomReader:
    """Reader that renders generated images.

    Attributes:
        seed: of the images.
        options: of the images.
        flipped: positions at which the shares of a planted shortcut are exchanged.
    """

    seed: int
    options: Phantom
    flipped: frozenset[int] = frozenset()

    def __call__(self, position: int) -> np.ndarray:
        from skinexp.data import phantom

        return phantom.render(self.seed, position, self.options, position in self.flipped).image

    def part(self, positions: Sequence[int]) -> "PhantomReader":
        return PhantomReader(self.seed, self.options, self.flipped & frozenset(positions))


@dataclass(frozen=True)
class RangeReader:
    """Reader that decodes the files of more than 8 bits a channel of another reader, by the range of their data set.

    Attributes:
        reader: of encoded images.
        bits: that the values of these files fill; see `skinexp.data.preparation.pixel_range`.
        deep: positions of these files.
    """

    reader: Any
    bits: int
    deep: frozenset[int]

    def __call__(self, position: int) -> bytes | np.ndarray:
        found: bytes | np.ndarray = self.reader(position)
        if position in self.deep and isinstance(found, bytes):
            return preprocess.decode(found, bits=self.bits)
        return found

    def encoded(self, position: int) -> bytes | np.ndarray:
        """Returns what the other reader reads, before it is decoded."""
        found: bytes | np.ndarray = self.reader(position)
        return found

    def part(self, positions: Sequence[int]) -> "RangeReader":
        return RangeReader(part(self.reader, positions), self.bits, self.deep & frozenset(positions))
