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
FEWEST = 10  # groups of a class in three parts
BOTH = 2  # the kind of a group that holds both classes
DRAWS = 20  # of which the first is taken whose parts hold both classes, if groups hold both
LARGEST_STRATUM = 4  # groups of this many images or more form one stratum per label


def split(frame: pd.DataFrame, options: Split, seed: int) -> pd.Series:
    """Assigns each image to training, validation or test; images of one group stay together.

    Groups are drawn stratified by label and by size, so that the fractions hold for images as well as for groups. A
    group may hold both classes, as a patient with several lesions does: such groups are a stratum of their own.
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
    low, high = labels.min(), labels.max()
    _refuse_too_few(low, high)
    groups = pd.DataFrame({"kind": _kinds(low, high), "size": labels.size()})
    draw = rng(seed, "split")
    draws = 1 if (low == high).all() else DRAWS
    for _ in range(draws):
        parts = _draw_parts(frame, groups, options, random_state=int(draw.integers(2**31)))
        both = [not low[parts == name].all() and high[parts == name].any() for name in NAMES]
        if all(both):
            return frame["group"].map(parts).rename("split")
    raise _too_small(options)


def _kinds(low: pd.Series, high: pd.Series) -> pd.Series:
    """Returns the stratum of each group by its classes: 0 (benign), 1 (malignant) or 2 (both).

    If some groups hold both classes, a kind of few groups joins one whose groups hold the same class as well, so that
    each stratum is large enough for all parts.

    Args:
        low: (groups,) the lowest label of each group.
        high: (groups,) the highest.
    """
    kinds = high.where(low == high, BOTH)
    counts = kinds.value_counts().reindex([0, 1, BOTH], fill_value=0)
    if 0 < counts[BOTH] < FEWEST:
        return kinds.replace(BOTH, 0 if counts[0] < counts[1] else 1)
    if counts[BOTH]:
        return kinds.replace({label: BOTH for label in (0, 1) if counts[label] < FEWEST})
    return kinds


def _draw_parts(frame: pd.DataFrame, groups: pd.DataFrame, options: Split, random_state: int) -> pd.Series:
    """Returns "train", "val" or "test" for each group.

    Args:
        frame: one row per image, with columns label and group.
        groups: one row per group: kind and size.
        options: fractions, or folds.
        random_state: of scikit-learn.
    """
    kinds = groups["kind"]
    strata = kinds.astype(str) + " x" + np.minimum(groups["size"], LARGEST_STRATUM).astype(str)
    try:
        if options.folds:
            rest, test = _fold(frame, groups.index, options, random_state)
        else:
            rest, test = _draw(strata, kinds, options.test, random_state)
        remaining = options.val / (options.train + options.val)
        train, val = _draw(strata.loc[rest], kinds.loc[rest], remaining, random_state)
    except UserError:
        raise
    except ValueError as error:  # scikit-learn's, of a part smaller than the number of classes
        raise _too_small(options) from error
    parts = pd.Series(index=groups.index, dtype=object)
    for name, members in zip(NAMES, (train, val, test), strict=True):
        parts[members] = name
    return parts


def _draw(strata: pd.Series, labels: pd.Series, share: float, random_state: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the names of groups in two parts, of which the second has that share of the groups."""
    names = strata.index.to_numpy(dtype=object)
    strata = _merge_rare(strata, labels)
    second = math.ceil(share * len(names))
    if strata.nunique() > min(second, len(names) - second):  # more strata than the smaller part has groups
        strata = labels
    first, drawn = train_test_split(names, test_size=share, stratify=strata, random_state=random_state)
    return first, drawn


def _fold(frame: pd.DataFrame, names: pd.Index, options: Split, random_state: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the names of groups outside and inside the fold that is tested.

    Images are counted, not groups: a patient with a hundred images weighs as much as a hundred patients with one.
    """
    folds, fold = int(options.folds or 0), int(options.fold or 0)
    for label, name in enumerate(CLASS_NAMES):
        if (count := frame.loc[frame["label"] == label, "group"].nunique()) < folds:
            raise UserError(
                f"data.split.folds: class {name} has {count} groups (lesions, patients or single images), too few for "
                f"each fold to hold one. Received: {folds}"
            )
    images = frame[["label", "group"]].sort_values("group", kind="stable")  # whatever the order of the table
    partition = StratifiedGroupKFold(folds, shuffle=True, random_state=random_state)
    parts = list(partition.split(images, images["label"], images["group"]))
    members = images["group"].to_numpy(dtype=object)[parts[fold][1]]
    inside = names.isin(members)
    groups = names.to_numpy(dtype=object)
    return groups[~inside], groups[inside]


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


def _refuse_too_few(low: pd.Series, high: pd.Series) -> None:
    """Refuses groups of which too few hold a class.

    Args:
        low: (groups,) the lowest label of each group.
        high: (groups,) the highest.
    """
    for name, holds in zip(CLASS_NAMES, (low == 0, high == 1), strict=True):
        if (count := int(holds.sum())) < FEWEST:
            raise UserError(
                f"data.split: class {name} has {count} groups (lesions, patients or single images); "
                f"a split into training, validation and test needs at least {FEWEST}. Add cases, or name a finer "
                "column of groups (data.split.group=COLUMN)"
            )
