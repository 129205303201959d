"""Checks of the columns of a predictions table."""

from collections.abc import Sequence

import numpy as np
import pandas as pd


def require_columns(table: pd.DataFrame, columns: Sequence[str], what: str = "predictions") -> None:
    """Refuses a table that lacks a column.

    Raises:
        ValueError: naming those that are missing and those that are there.
    """
    missing = [column for column in columns if column not in table]
    if missing:
        there = ", ".join(map(str, table.columns))
        raise ValueError(f"{what}: these columns are missing: {', '.join(missing)}. Received: {there}")


def groups_of(table: pd.DataFrame) -> np.ndarray:
    """Returns (n,) the group of each image, as text; an image that has none is its own, as everywhere in skinexp."""
    own = "image " + (table["image_id"] if "image_id" in table else pd.Series(table.index, table.index)).astype(str)
    if "group" not in table:
        return own.to_numpy(dtype=str)
    return table["group"].astype(str).where(table["group"].notna(), own).to_numpy(dtype=str)


def folds_of(table: pd.DataFrame) -> np.ndarray | None:
    """Returns (n,) the fold whose network predicted each image; None if all images were predicted by one network."""
    if "fold" not in table or table["fold"].nunique() < 2:
        return None
    return table["fold"].to_numpy()
