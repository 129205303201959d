"""Predictions of several models aligned by image; refused if images differ."""

import hashlib
import json
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from skinexp.evaluation.tables import groups_of, require_columns

Thresholds = Mapping[str, float | ArrayLike]


def align_by_image_id(
    tables: Mapping[str, pd.DataFrame], thresholds: Thresholds | None = None
) -> dict[str, pd.DataFrame]:
    """Returns each model's table with its rows sorted by `image_id`, and a column `threshold`.

    Args:
        tables: name of a model -> its predictions of the test split, columns `image_id`, `label`, `logit`,
            `probability` and, where images come in groups, `group`.
        thresholds: name -> from which probability on this model predicts an image malignant: a number, or one for each
            row of its table; 0.5 without.

    Returns:
        The tables by name; row i of each is the same image.

    Raises:
        ValueError: if fewer than two models are given, a column is missing, an image appears twice, or two test
            sets differ: the message names both and the digests of their images and labels.
    """
    if len(tables) < 2:
        raise ValueError(f"models: two at least can be compared. Received: {', '.join(tables) or 'none'}")
    at = {name: (thresholds or {}).get(name, 0.5) for name in tables}
    ordered = {name: _sorted_by_image_id(name, table, at[name]) for name, table in tables.items()}
    _refuse_different(ordered)
    return ordered


def test_set_digest(table: pd.DataFrame) -> str:
    """Returns 16 hexadecimal digits that change with any image or label of a test set, and not with its order."""
    cases = sorted(zip(table["image_id"].astype(str), table["label"].astype(int).tolist(), strict=True))
    return hashlib.sha256(json.dumps(cases).encode()).hexdigest()[:16]


def _sorted_by_image_id(name: str, table: pd.DataFrame, threshold: float | ArrayLike) -> pd.DataFrame:
    require_columns(table, ("image_id", "label", "logit", "probability"), f"predictions of {name}")
    ids = table["image_id"].astype(str)
    if ids.duplicated().any():
        twice = ids[ids.duplicated()].iloc[0]
        raise ValueError(f"predictions of {name}: each image must appear once. Received: {twice} more than once")
    at = np.asarray(threshold, dtype=np.float64)  # by place: a Series would be put beside rows of the same index
    return table.assign(image_id=ids, threshold=at).sort_values("image_id", ignore_index=True)


def _refuse_different(tables: Mapping[str, pd.DataFrame]) -> None:
    (first, expected), *others = tables.items()
    groups = groups_of(expected)
    for name, table in others:
        are_same = len(table) == len(expected) and bool((table["image_id"] == expected["image_id"]).all())
        if not are_same or (table["label"] != expected["label"]).any():
            raise ValueError(
                f"{first} and {name} were tested on different images or labels, so no test can pair them"
                f"{_example(expected, table)}. Received: "
                f"{len(expected)} images with digest {test_set_digest(expected)} ({first}), "
                f"{len(table)} images with digest {test_set_digest(table)} ({name})"
            )
        if not (groups_of(table) == groups).all():
            raise ValueError(
                f"{first} and {name} put the same images into different groups; intervals depend on them. "
                "Received: two different columns `group`"
            )


def _example(one: pd.DataFrame, other: pd.DataFrame) -> str:
    """Returns how two test sets differ, with an image for example, as the end of a sentence."""
    both = one.merge(other, on="image_id", suffixes=("", "_other"))
    unlike = both.loc[both["label"] != both["label_other"], "image_id"]
    if len(unlike):
        return f": {len(unlike):,} images have another label, {unlike.iloc[0]} among them"
    alone = sorted({*one["image_id"]} ^ {*other["image_id"]})
    return f": {len(alone):,} images are in one of both only, {alone[0]} among them"
