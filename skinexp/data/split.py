"""The split of images into training, validation and test: by whole groups, stratified by class."""

import math

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold, train_test_split

from skinexp.config.schema import Split
from skinexp.core.errors import UserError
from skinexp.core.randomness import rng
from skinexp.data.table import CLASS_NAMES

NAMES = ("train", "val", "test")
LARGEST_STRATUM = 4  # groups of this many images or more form one stratum per label


def split(frame: pd.DataFrame, options: Split, seed: int) -> pd.Series:
    """Assigns each image to training, validation or test; images of one group stay together.

    Groups are drawn stratified by label and by size, so that the fractions hold for images as well as for groups.
    If each image is a group of its own, this is scikit-learn's stratified `train_test_split`, twice.

    With `folds`, the test part is fold `fold` of scikit-learn's `StratifiedGroupKFold`: the same partition for every
    fold of a seed. Validation is drawn from the rest, as much of it as `val` is of `train` and `val`.

    Args:
        frame: one row per image, with columns label (0/1) and group.
        options: fractions, or folds.
        seed: the same seed makes the same split.

    Returns:
        "train", "val" or "test" for each row, with the frame's index.

    Raises:
        UserError: if a class has too few groups to appear in every part, or a part is too small for both classes.
    """
    labels = frame.groupby("group", sort=True)["label"]
    groups = pd.DataFrame({"label": labels.max(), "size": labels.size()})
    _refuse_too_few(groups["label"])
    strata = groups["label"].astype(str) + " x" + np.minimum(groups["size"], LARGEST_STRATUM).astype(str)
    random_state = int(rng(seed, "split").integers(2**31))
    try:
        if options.folds:
            rest, test = _fold(frame, groups["label"], options, random_state)
        else:
            rest, test = _draw(strata, groups["label"], options.test, random_state)
        remaining = options.val / (options.train + options.val)
        train, val = _draw(strata.loc[rest], groups.loc[rest, "label"], remaining, random_state)
    except UserError:
        raise
    except ValueError as error:  # scikit-learn's, of a part smaller than the number of classes
        raise _too_small(options) from error
    parts = pd.Series(index=groups.index, dtype=object)
    for name, members in zip(NAMES, (train, val, test), strict=True):
        parts[members] = name
        if groups.loc[members, "label"].nunique() < len(CLASS_NAMES):
            raise _too_small(options)
    return frame["group"].map(parts).rename("split")


def _draw(strata: pd.Series, labels: pd.Series, share: float, random_state: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the names of groups in two parts, of which the second has that share of the groups."""
    names = strata.index.to_numpy(dtype=object)
    strata = _merge_rare(strata, labels)
    second = math.ceil(share * len(names))
    if strata.nunique() > min(second, len(names) - second):  # more strata than the smaller part has groups
        strata = labels
    first, drawn = train_test_split(names, test_size=share, stratify=strata, random_state=random_state)
    return first, drawn


def _fold(frame: pd.DataFrame, labels: pd.Series, options: Split, random_state: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the names of groups outside and inside the fold that is tested.

    Images are counted, not groups: a patient with a hundred images weighs as much as a hundred patients with one.
    """
    folds, fold = int(options.folds or 0), int(options.fold or 0)
    for label, name in enumerate(CLASS_NAMES):
        if (count := int((labels == label).sum())) < folds:
            raise UserError(
                f"data.split.folds: class {name} has {count} groups (lesions, patients or single images), too few for "
                f"each fold to hold one. Received: {folds}"
            )
    images = frame[["label", "group"]].sort_values("group", kind="stable")  # whatever the order of the table
    partition = StratifiedGroupKFold(folds, shuffle=True, random_state=random_state)
    parts = list(partition.split(images, images["label"], images["group"]))
    members = images["group"].to_numpy(dtype=object)[parts[fold][1]]
    inside = labels.index.isin(members)
    names = labels.index.to_numpy(dtype=object)
    return names[~inside], names[inside]


def _merge_rare(strata: pd.Series, labels: pd.Series) -> pd.Series:
    """Merges sizes too rare for three parts into one stratum per label; a single group joins the most common one."""
    rare = strata.map(strata.value_counts()) < 10
    merged = strata.where(~rare, labels.astype(str) + " rare")
    alone = merged.map(merged.value_counts()) < 2
    commonest = merged.groupby(labels).transform(lambda group: group.mode()[0])
    return merged.where(~alone, commonest)


def _too_small(options: Split) -> UserError:
    if options.folds:
        return UserError(
            "data.split: a part would not hold both classes; use fewer folds, or give the smaller of train and val a "
            f"larger fraction. Received: folds={options.folds}, fold={options.fold}, train={options.train:g}, "
            f"val={options.val:g}"
        )
    return UserError(
        "data.split: a part would not hold both classes; give the smallest part a larger fraction. "
        f"Received: train={options.train:g}, val={options.val:g}, test={options.test:g}"
    )


def _refuse_too_few(labels: pd.Series) -> None:
    for label, name in enumerate(CLASS_NAMES):
        if (count := int((labels == label).sum())) < 10:
            raise UserError(
                f"data.split: class {name} has {count} groups (lesions, patients or single images); "
                f"a split into training, validation and test needs at least 10"
            )
