"""Who is in a data set: one row an image, and a reader that fetches its pixels."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from skinexp.core.digest import digest

CLASS_NAMES = ("benign", "malignant")

Reader = Callable[[int], bytes | np.ndarray]  # position -> an encoded image file, or (height, width, 3) uint8 RGB


@dataclass(frozen=True)
class Table:
    """A data set before its pixels are touched.

    Attributes:
        name: what people call the set.
        frame: one row an image: image_id, label (0/1), group (lesion or patient; the image's own id where unknown),
            sha256 (of the bytes its pixels come from), path (for messages), and any metadata columns.
        reader: fetches the pixels of the image at a position of the *source*; column `position` says which.
        grouped_by: the column whose equal values stay together in a split, or None.
        excluded: classes left out on purpose, with their number of images.
        truth: areas under the ROC curve that are known beforehand, of generated images: `bayes_auc` is the best that a
            model can reach.
        licence: under which the images may be used, as far as that is known.
        joined_with_copies: whether groups were made one because they hold copies of the same image.
    """

    name: str
    frame: pd.DataFrame
    reader: Reader
    grouped_by: str | None = None
    excluded: dict[str, int] = field(default_factory=dict)
    truth: dict[str, float] = field(default_factory=dict)
    licence: str | None = None
    joined_with_copies: bool = False

    @property
    def digest(self) -> str:
        """Changes with any image, label or group."""
        columns = self.frame[["image_id", "label", "group", "sha256"]]
        return digest(columns.astype(str).to_numpy().tolist())

    def counts(self) -> dict[str, int]:
        """Images a class."""
        labels = self.frame["label"]
        return {name: int((labels == label).sum()) for label, name in enumerate(CLASS_NAMES)}

    def __str__(self) -> str:
        counts = ", ".join(f"{count:,} {name}" for name, count in self.counts().items())
        left_out = "".join(f"; left out: {count:,} {name}" for name, count in self.excluded.items())
        kept_together = f"; {self.frame['group'].nunique():,} groups by {self.grouped_by}" if self.grouped_by else ""
        known = ", ".join(f"{TRUTHS[name]} {area:.3f}" for name, area in self.truth.items())
        best = f"; AUC {known}" if known else ""
        return f"{self.name}: {len(self.frame):,} images ({counts}){left_out}{kept_together}{best}"


TRUTHS = {  # in words
    "bayes_auc": "of the best possible model",
    "bayes_auc_with_ink": "of one that also uses ink",
    "ink_auc": "of ink alone",
    "ink_auc_test": "of ink in the test part",
}


METADATA_RESERVED = ("image_id", "label", "group", "sha256", "path", "position", "split", "row")


def metadata_columns(frame: pd.DataFrame) -> list[str]:
    """Columns that describe an image beyond what every table has (age, sex, site, source, ...)."""
    return [column for column in frame.columns if column not in METADATA_RESERVED]
