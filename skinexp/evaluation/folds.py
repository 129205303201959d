"""Cross-validation: each image is judged once, by a model that never saw it; here these judgements come together."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from skinexp.evaluation.cases import warn_undefined, why_undefined
from skinexp.evaluation.ranking_scores import ranking_scores
from skinexp.evaluation.tables import require_columns


class FoldAreas(NamedTuple):
    """Areas under the ROC curve of out-of-fold predictions; NaN where undefined."""

    mean: float  # of the folds' areas
    spread: float  # standard deviation from fold to fold, of a sample
    pooled: float  # of all predictions together
    by_fold: dict[int, float]


def pool_folds(folds: Sequence[pd.DataFrame], image_ids: Iterable[object] | None = None) -> pd.DataFrame:
    """Out-of-fold predictions of k folds in one table, with a column `fold`, 0 to k - 1.

    Args:
        folds: the predictions of each fold's test split, column `image_id` and any others.
        image_ids: all images that were to be judged; without, whatever the folds hold is taken for complete.

    Returns:
        All rows, fold after fold.

    Raises:
        ValueError: where there are fewer than two folds, one lacks `image_id`, an image is in two folds or twice in
            one, an image of `image_ids` is in none, or a fold holds an image that is not of them.
    """
    if len(folds) < 2:
        raise ValueError(f"folds: two at least make a cross-validation. Received: {len(folds)}")
    for number, fold in enumerate(folds):
        require_columns(fold, ["image_id"], f"predictions of fold {number}")
    pooled = pd.concat([fold.assign(fold=number) for number, fold in enumerate(folds)], ignore_index=True)
    ids = pooled["image_id"].astype(str)
    if (again := ids.duplicated(keep=False)).any():
        one = ids[again].iloc[0]
        where = ", ".join(map(str, pooled.loc[ids == one, "fold"]))
        raise ValueError(
            f"folds: each image must be judged once. Received: {one} in folds {where} "
            f"({ids[again].nunique()} such images)"
        )
    if image_ids is not None:
        wanted = {str(image_id) for image_id in image_ids}
        for there, other, what in ((wanted, set(ids), "in no fold"), (set(ids), wanted, "not of this data set")):
            if missing := sorted(there - other):
                raise ValueError(f"folds: {len(missing)} images are {what}. Received: {', '.join(missing[:3])}, ...")
    return pooled


def fold_areas(pooled: pd.DataFrame) -> FoldAreas:
    """The two areas that a cross-validation has.

    The mean over folds is that of models as they were trained. The pooled one also compares images of different
    folds, whose models need not agree on what a logit of 0 means; it is lower where they do not.

    Args:
        pooled: from `pool_folds`, columns `fold`, `label` and `logit`.

    Returns:
        A `FoldAreas`. A fold that has only one class or a logit that is not finite makes the mean NaN, with a
        warning: leaving it out would choose folds by what is in them.

    Raises:
        ValueError: where a column is missing or a label is not 0 or 1.
    """
    require_columns(pooled, ["fold", "label", "logit"], "pooled predictions")
    by_fold = {}
    for number in sorted(pooled["fold"].unique().tolist()):
        fold = pooled[pooled["fold"] == number]
        reason = why_undefined(fold["label"], fold["logit"])
        if reason is not None:
            warn_undefined(f"the area of fold {number}", reason)
        by_fold[int(number)] = math.nan if reason else ranking_scores(fold["label"], fold["logit"])["roc_auc"]
    areas = np.array(list(by_fold.values()))
    together = why_undefined(pooled["label"], pooled["logit"])
    if together is not None:
        warn_undefined("the pooled area", together)
    return FoldAreas(
        float(areas.mean()) if areas.size else math.nan,
        float(areas.std(ddof=1)) if areas.size > 1 else math.nan,
        math.nan if together else ranking_scores(pooled["label"], pooled["logit"])["roc_auc"],
        by_fold,
    )
