"""The interface of a source of images: what each entry of `skinexp.data.sources.registry.SOURCES` provides."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import pandas as pd

from skinexp.config.schema import Data
from skinexp.core.errors import UserError
from skinexp.data.table import Reader, Table
from skinexp.data.unused import UnusedFile

IMAGE_COLUMNS = ("file", "image", "path", "filename", "image_id")
PARTS = {  # names of the parts of a given split, as folders or on the hub, and their names here
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test",
    "testing": "test",
}  # fmt: skip


@dataclass(frozen=True)
class Listing:
    """The images of a source, before classes are mapped to labels and images are grouped.

    Attributes:
        name: name of the data set, for people.
        frame: one row per image: image_id, class (as the source names it), path (for messages), sha256 (of the bytes
            that hold the pixels), position, given_split (if the source comes with a split), and metadata columns.
        reader: fetches the pixels of the image at a position.
        licence: licence of the images as the source states it, or None.
        truth: areas under the ROC curve that are known in advance; see `Table`.
        deep: positions of the files that store more than 8 bits a channel.
        unused: files that the source holds besides these images.
    """

    name: str
    frame: pd.DataFrame
    reader: Reader
    licence: str | None = None
    truth: dict[str, float] = field(default_factory=dict)
    deep: tuple[int, ...] = ()
    unused: tuple[UnusedFile, ...] = ()


class Source(ABC):
    """A source of images. The options of group `data` are its settings.

    Attributes:
        name: the value of `data.name` that selects it.
    """

    name: ClassVar[str]

    @abstractmethod
    def list_images(self, options: Data, seed: int) -> Listing:
        """Lists all images of the source.

        Raises:
            UserError: if the source does not exist, or is not of the promised shape.
        """

    def finish(self, table: Table, options: Data, seed: int, all_tested: bool) -> Table:
        """Returns the table with changes that depend on which images are in it; without changes by default.

        Args:
            table: the images that are used, with labels and groups.
            options: of the source.
            seed: of everything random.
            all_tested: whether all images are test images.
        """
        return table


def image_column(columns: Iterable[str], wanted: str | None, place: object) -> str:
    """Returns the column that holds the image or names its file.

    Args:
        columns: that there are.
        wanted: the option `data.image_column`; None: the first of `IMAGE_COLUMNS`.
        place: file or data set, for the message.

    Raises:
        UserError: if there is no such column.
    """
    candidates: Sequence[str] = (wanted,) if wanted else IMAGE_COLUMNS
    for column in candidates:
        if column in columns:
            return column
    raise UserError(
        f"data.image_column: {place} has no column {' or '.join(map(repr, candidates))}. It has: {', '.join(columns)}"
    )


def part_name(name: str) -> str:
    """Returns train, val or test for the name of such a part in a source, and other names unchanged."""
    return PARTS.get(name.lower(), name)
