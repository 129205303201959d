"""The interface of a source of images: what each entry of `skinexp.data.sources.registry.SOURCES` provides."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import pandas as pd

from skinexp.config.override_syntax import override
from skinexp.config.schema import Data
from skinexp.core.errors import UserError
from skinexp.data.groups import canonical
from skinexp.data.table import Reader, Table
from skinexp.data.unused import UnusedFile

IMAGE_COLUMNS = (
    *("file", "image", "path", "filename", "image_id", "image_name", "img_id", "isic_id", "file_name", "image_file"),
    *("image_path", "filepath", "file_path", "img", "ddi_file", "md5hash"),
)
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
        sampling: `case_control` or `cohort` if the source knows how its images are collected.
    """

    name: str
    frame: pd.DataFrame
    reader: Reader
    licence: str | None = None
    truth: dict[str, float] = field(default_factory=dict)
    deep: tuple[int, ...] = ()
    unused: tuple[UnusedFile, ...] = ()
    sampling: str | None = None


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
        wanted: the option `data.image_column`; None: the first of `IMAGE_COLUMNS`, in any case.
        place: file or data set, for the message.

    Raises:
        UserError: if there is no such column.
    """
    columns = list(columns)
    if column := find_column(columns, (wanted,) if wanted else IMAGE_COLUMNS):
        return column
    sought = (wanted,) if wanted else IMAGE_COLUMNS[:5]
    named = "" if wanted else f". Name the one with the images, such as {override('data.image_column', columns[0])}"
    if len(columns) == 1:
        named = ". If these are several columns, separate them by commas, semicolons or tabs"
    raise UserError(
        f"data.image_column: {place} has no column {' or '.join(map(repr, sought))}. "
        f"It has: {', '.join(columns)}{named}"
    )


def find_column(columns: Iterable[str], names: Sequence[str]) -> str | None:
    """Returns the first of the names that a column has, exactly or else in other case; None if no column has one."""
    columns = list(columns)
    if exact := next((name for name in names if name in columns), None):
        return exact
    alike = {canonical(column): column for column in reversed(columns)}
    return next((alike[canonical(name)] for name in names if canonical(name) in alike), None)


def part_name(name: str) -> str:
    """Returns train, val or test for the name of such a part in a source, and other names unchanged."""
    return PARTS.get(name.lower(), name)
