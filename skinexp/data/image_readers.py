"""Readers: functions from the position of an image in its source to its encoded bytes or its pixels.

Readers are pickled into worker processes. So this file imports little, and a reader can return a `part` of itself,
whose size does not grow with the data set.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from skinexp.config.schema import Phantom
from skinexp.data.sources.listing import why_no_file

LARGEST_FILE = 2**29  # bytes: half a gibibyte, far above any photograph


def read_file(path: Path) -> bytes:
    """Returns the bytes of a file.

    Raises:
        OSError: if it cannot be read, is not a regular file (a pipe, a directory), or is larger than `LARGEST_FILE`.
    """
    if reason := why_no_file(path):
        raise OSError(reason)
    if path.stat().st_size > LARGEST_FILE:
        raise OSError(f"larger than {LARGEST_FILE // 2**20} MiB")
    return path.read_bytes()


def part(reader: Any, positions: Sequence[int]) -> Any:
    """Returns a reader of these positions only, if `reader` supports that, or else `reader` itself."""
    return reader.part(positions) if hasattr(reader, "part") else reader


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
