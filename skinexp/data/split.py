"""Shares images out among training, validation and test: whole groups, each class in its proportion."""

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from skinexp.config import Split
from skinexp.data.table import CLASS_NAMES
from skinexp.errors import UserError
from skinexp.randomness import rng

NAMES = ("train", "val", "test")
LARGEST_STRATUM = 4  # groups of so many images and more are balanced together


def split(frame: pd.DataFrame, options: Split, seed: int) -> pd.Series:
    """Says for each image where it belongs; images of one group stay together.

    Groups are drawn stratified by label and by size, so that fractions hold for images as well as for groups.
    Where each image is a group of its own, this is scikit-learn's stratified `train_test_split`, twice.

    Args:
        frame: columns label (0/1) and group.

    Returns:
        "train", "val" or "test" for each row, with the frame's index.

    Raises:
        UserError: where a class has too few groups to appear in every part.
    """
    labels = frame.groupby("group", sort=True)["label"]
    groups = pd.DataFrame({"label": labels.max(), "size": labels.size()})
    _refuse_too_few(groups["label"])
    strata = _strata(groups)
    random_state = int(rng(seed, "split").integers(2**31))
    names = groups.index.to_numpy(dtype=object)
    rest, test = train_test_split(names, test_size=options.test, stratify=strata, random_state=random_state)
    train, val = train_test_split(
        rest,
        test_size=options.val / (options.train + options.val),
        stratify=_merge_rare(strata.loc[rest], groups.loc[rest, "label"]),
        random_state=random_state,
    )
    parts = pd.Series(index=groups.index, dtype=object)
    for name, members in zip(NAMES, (train, val, test), strict=True):
        parts[members] = name
    return frame["group"].map(parts).rename("split")


def _strata(groups: pd.DataFrame) -> pd.Series:
    strata = groups["label"].astype(str) + " x" + np.minimum(groups["size"], LARGEST_STRATUM).astype(str)
    return _merge_rare(strata, groups["label"])


def _merge_rare(strata: pd.Series, labels: pd.Series) -> pd.Series:
    """Sizes too rare to be shared out three ways are stratified by their label alone."""
    rare = strata.map(strata.value_counts()) < 10
    merged = strata.where(~rare, labels.astype(str) + " rare")
    still_rare = merged.map(merged.value_counts()) < 2
    return labels.astype(str) if still_rare.any() else merged


def _refuse_too_few(labels: pd.Series) -> None:
    for label, name in enumerate(CLASS_NAMES):
        if (count := int((labels == label).sum())) < 10:
            raise UserError(
                f"data.split: class {name} has {count} groups (lesions, patients or single images); "
                f"10 are the least that can be shared out among training, validation and test"
            )
