"""A data set as a table: one row per image, and a reader that fetches the pixels."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from skinexp.core.digest import digest
from skinexp.core.number_format import counted
from skinexp.data.groups import SOURCE_GROUP
from skinexp.data.preparation.pixel_range import PixelRange
from skinexp.data.unused import UnusedFile

CLASS_NAMES = ("benign", "malignant")

Reader = Callable[[int], bytes | np.ndarray]  # position -> an encoded image file, or (height, width, 3) uint8 RGB


@dataclass(frozen=True)
class Table:
    """A data set before its pixels are decoded. A table is not changed in place: operations return a new one.

    Attributes:
        name: name of the data set, for people.
        frame: one row per image: image_id, label (0/1), class (as the source names it), group (lesion or patient; the
            image's own id if unknown), sha256 (of the bytes that hold the pixels), path (for messages), position (in
            the source), given_split (if the source comes with a split), split (of the run, once `with_split` has set
            it), mask (path of the lesion's mask, if there are masks), and metadata columns.
        reader: fetches the pixels of the image at a position of the source.
        grouped_by: the column, or the columns, whose equal values stay together in a split, or None.
        excluded: classes that were excluded on purpose, with their number of images.
        truth: ROC-AUC values that are known in advance for generated images; `bayes_auc` is the highest
            that any model can reach.
        licence: licence of the images, or None if it is not known.
        joined_with_copies: whether groups were joined because they contain copies of the same image.
        unused: files that the source holds besides these images.
        pixel_range: how the values of files with more than 8 bits a channel are scaled; None if there is no such file.
        left_out: reason -> images that were left out after the excluded classes, in the order of these steps.
        copies: changed copies among the rows, which were added on purpose.
        sampling: `case_control` or `cohort` if the source knows how its images are collected; None if it does not.
    """

    name: str
    frame: pd.DataFrame
    reader: Reader
    grouped_by: str | None = None
    excluded: dict[str, int] = field(default_factory=dict)
    truth: dict[str, float] = field(default_factory=dict)
    licence: str | None = None
    joined_with_copies: bool = False
    unused: tuple[UnusedFile, ...] = ()
    pixel_range: PixelRange | None = None
    left_out: dict[str, int] = field(default_factory=dict)
    copies: int = 0
    sampling: str | None = None

    @property
    def digest(self) -> str:
        """Returns a digest that changes with any image, label or group."""
        columns = self.frame[["image_id", "label", "group", "sha256"]]
        return digest(columns.astype(str).to_numpy().tolist())

    def counts(self) -> dict[str, int]:
        """Returns the number of images of each class."""
        labels = self.frame["label"]
        return {name: int((labels == label).sum()) for label, name in enumerate(CLASS_NAMES)}

    def with_split(self, parts: pd.Series | str) -> "Table":
        """Returns the table with the run's split in column `split`; the given split stays in `given_split`.

        Args:
            parts: (images,) "train", "val" or "test" of each row, with the frame's index; or one of them for all rows.
        """
        return replace(self, frame=self.frame.assign(split=parts))

    def with_groups(self, groups: pd.Series) -> "Table":
        """Returns the table with groups that were joined with copies of their images.

        Args:
            groups: (images,) names, with the frame's index.
        """
        joined = groups.nunique() < self.frame["group"].astype(str).nunique()
        return replace(self, frame=self.frame.assign(group=groups), joined_with_copies=bool(joined))

    def without(self, images: npt.NDArray[np.bool_], reason: str) -> "Table":
        """Returns the table without some images, which are counted in `left_out`.

        Args:
            images: (images,) whether to leave out each row.
            reason: why, for the flow of images.
        """
        frame = self.frame[~images].reset_index(drop=True)
        return replace(self, frame=frame, left_out={**self.left_out, reason: int(images.sum())})

    def __str__(self) -> str:
        counts = ", ".join(f"{count:,} {name}" for name, count in self.counts().items())
        left_out = "".join(f"; left out: {count:,} {name}" for name, count in self.excluded.items())
        kept_together = (
            f"; {counted(self.frame['group'].nunique(), 'group')} by {self.grouped_by}" if self.grouped_by else ""
        )
        known = ", ".join(f"{TRUTHS[name]} {area:.3f}" for name, area in self.truth.items() if not math.isnan(area))
        best = f"; AUC {known}" if known else ""
        return f"{self.name}: {counted(len(self.frame), 'image')} ({counts}){left_out}{kept_together}{best}"


TRUTHS = {  # wording of each known area
    "bayes_auc": "of the best possible model",
    "bayes_auc_with_ink": "of one that also uses ink",
    "ink_auc": "of ink alone",
    "ink_auc_test": "of ink in the test part",
}


GIVEN_SPLIT = "given_split"  # the column of the split that a source comes with
MASK = "mask"  # the column with the path of the mask of each image's lesion
DIAGNOSIS = "diagnosis"  # the column of the classes of a source, in tables of predictions
METADATA_RESERVED = (
    *("image_id", "label", "class", MASK, "group", "sha256", "path", "position", GIVEN_SPLIT, "split", "row"),
    SOURCE_GROUP,
)


def metadata_columns(frame: pd.DataFrame) -> list[str]:
    """Returns the columns that describe an image beyond what every table has (age, sex, site, source, ...)."""
    return [column for column in frame.columns if column not in METADATA_RESERVED]


def with_diagnosis(frame: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows with the class in column `diagnosis`, if the source has more classes than the two labels.

    Args:
        frame: one row per image, optionally with column `class`. A column `diagnosis` that it has stays as it is.
    """
    has_own = any(str(column).strip().lower() == DIAGNOSIS for column in frame.columns)
    if has_own or "class" not in frame or frame["class"].nunique() <= len(CLASS_NAMES):
        return frame
    return frame.assign(**{DIAGNOSIS: frame["class"]})
