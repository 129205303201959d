"""From the rows of a source to those of a table: unique ids, the given split, and a limited number of images."""

import numpy as np
import pandas as pd

from skinexp.core.errors import UserError
from skinexp.core.randomness import rng
from skinexp.data.sources.source import find_column, part_name
from skinexp.data.table import GIVEN_SPLIT


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
    """Returns the rows with a column `split` of the source renamed to `given_split`; `split` is the run's own.

    Its usual names of the parts (training, validation, ...) become train, val and test.
    """
    column = find_column(map(str, frame.columns), ["split"])
    if column is None:
        return frame
    frame = frame.drop(columns={GIVEN_SPLIT, "split"} - {column}, errors="ignore").rename(columns={column: GIVEN_SPLIT})
    parts = frame[GIVEN_SPLIT].map(lambda part: part_name(part.strip()) if isinstance(part, str) else part)
    return frame.assign(**{GIVEN_SPLIT: parts})


def limited(frame: pd.DataFrame, limit: int, seed: int) -> pd.DataFrame:
    """Returns at most `limit` rows, drawn by label in its proportion, in the order of the source."""
    if limit >= len(frame):
        return frame
    share = limit / len(frame)
    chosen = [rng(seed, "limit", label).permutation(np.flatnonzero(frame["label"] == label)) for label in (0, 1)]
    positives = min(max(round(share * len(chosen[1])), 1), len(chosen[1]))
    return frame.iloc[np.sort(np.concatenate([chosen[0][: limit - positives], chosen[1][:positives]]))]
