"""From the rows of a source to those of a table: unique ids, labels, and a limited number of images."""

import numpy as np
import pandas as pd

from skinexp.config.schema import Data
from skinexp.core.errors import UserError
from skinexp.core.randomness import rng
from skinexp.data.table import GIVEN_SPLIT

UNLABELLED = "unlabelled"  # the class of an image whose label is missing


def require_unique_ids(frame: pd.DataFrame) -> None:
    """Checks column `image_id`.

    Raises:
        UserError: if an image has no id, or two have the same.
    """
    if missing := int(frame["image_id"].isna().sum()):
        raise UserError(f"data.path: {missing} images have no image_id. Name each one, or leave the column out")
    repeated = frame["image_id"][frame["image_id"].duplicated()]
    if len(repeated):
        raise UserError(f"data.path: image ids must be unique; {len(repeated)} repeat. First: {repeated.iloc[0]}")


def with_given_split(frame: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows with a column `split` of the source renamed to `given_split`; `split` is the run's own."""
    if "split" not in frame:
        return frame
    return frame.drop(columns=GIVEN_SPLIT, errors="ignore").rename(columns={"split": GIVEN_SPLIT})


def with_labels(frame: pd.DataFrame, options: Data, one_class: bool) -> tuple[pd.DataFrame, dict[str, int]]:
    """Maps classes to labels.

    Args:
        frame: one row per image, with column `class`.
        options: `labels` maps classes to 0 and 1; images of the classes `exclude` are left out.
        one_class: whether images of a single class are enough.

    Returns:
        The rows of the images with a label, with column `label` in place of `class`; and the number of images of each
        excluded class.

    Raises:
        UserError: if a class is neither labelled nor excluded, or if a label has no image.
    """
    classes = frame["class"].map(_class_name)
    counts = classes.value_counts()
    excluded = {name: int(counts[name]) for name in options.exclude if name in counts}
    unknown = [name for name in counts.index if name not in options.labels and name not in options.exclude]
    if unknown:
        listed = ", ".join(f"{name} ({counts[name]})" for name in unknown[:10])
        first = unknown[0]
        added = f"+data.labels.{first}=1" if first.isalnum() else f"'+data.labels={{{first}: 1}}'"
        raise UserError(
            f"data.labels: classes without a label: {listed}. Give each one 0 or 1 ({added}) "
            f"or leave it out ('data.exclude=[{first}]')"
        )
    labels = classes.map(options.labels)
    labelled = labels.notna().to_numpy()
    frame = frame.drop(columns="class")[labelled].assign(label=labels[labelled].astype(np.int64))
    if one_class and frame.empty:
        raise UserError(f"data.labels: no image has a label. Left out: {', '.join(excluded) or 'none'}")
    for label in (0, 1):
        if not one_class and not (frame["label"] == label).any():
            names = [name for name, value in options.labels.items() if value == label]
            raise UserError(f"data.labels: no image has label {label} (class {' or '.join(names)})")
    return frame, excluded


def _class_name(value: object) -> str:
    if value is None or value != value:  # NaN differs from itself
        return UNLABELLED
    if isinstance(value, float) and value.is_integer():  # pandas stores whole numbers so if one of them is missing
        return str(int(value))
    return str(value)


def limited(frame: pd.DataFrame, limit: int, seed: int) -> pd.DataFrame:
    """Returns at most `limit` rows, drawn by label in its proportion, in the order of the source."""
    if limit >= len(frame):
        return frame
    share = limit / len(frame)
    chosen = [rng(seed, "limit", label).permutation(np.flatnonzero(frame["label"] == label)) for label in (0, 1)]
    positives = min(max(round(share * len(chosen[1])), 1), len(chosen[1]))
    return frame.iloc[np.sort(np.concatenate([chosen[0][: limit - positives], chosen[1][:positives]]))]
