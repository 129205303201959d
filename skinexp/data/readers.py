"""Where pixels come from, by position. Readers are pickled into worker processes, so this file imports little."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from skinexp.config import Phantom


@dataclass(frozen=True)
class FileReader:
    """Encoded image files of a directory."""

    directory: Path
    files: tuple[str, ...]

    def __call__(self, position: int) -> bytes:
        return (self.directory / self.files[position]).read_bytes()


@dataclass(frozen=True)
class HubReader:
    """Encoded images of a Hugging Face data set, whose image column does not decode."""

    dataset: Any  # datasets.Dataset: memory-mapped, pickled as a reference
    column: str

    def __call__(self, position: int) -> bytes:
        cell = self.dataset[int(position)][self.column]
        return cell["bytes"] if cell["bytes"] is not None else Path(cell["path"]).read_bytes()


@dataclass(frozen=True)
class PhantomReader:
    """Generated images."""

    seed: int
    options: Phantom

    def __call__(self, position: int) -> np.ndarray:
        from skinexp.data import phantom

        return phantom.render(self.seed, position, self.options).image
