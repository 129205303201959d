"""Predictions of a cross-validation: those of all folds as one table, in which each image is tested once."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from skinexp.evaluation.cases import warn_undefined, why_undefined
from skinexp.evaluation.metrics.collapse_scores import collapse_scores
from skinexp.evaluation.metrics.ranking_scores import RANKING, ranking_scores
from skinexp.evaluation.metrics.threshold_scores import threshold_scores
from skinexp.evaluation.operating_point import predicted_labels
from skinexp.evaluation.tables import require_columns


class FoldAreas(NamedTuple):
    """Areas under the ROC curve of out-of-fold predictions; NaN if undefined."""

    mean: float  # of the folds' areas
    spread: float  # standard deviation from fold to fold, of a sample
    pooled: float  # of all predictions together
    by_fold: dict[int, float]


def pool_folds(tables: Mapping[int, pd.DataFrame]) -> pd.DataFrame:
    """Returns the test predictions of all folds, one below the other.

    Args:
        tables: by fold, a predictions table with columns `image_id` and `split`; only rows of split "test" are taken.

    Returns:
        A table with the columns of the first and `fold`, folds in ascending order.

    Raises:
        ValueError: if there is no fold, one has no test images, or two tested the same image.
    """
    if not tables:
        raise ValueError("folds: there is nothing to pool. Received: no folds")
    parts = []
    tested: dict[object, int] = {}
    for fold in sorted(tables):
        part = tables[fold].loc[tables[fold]["split"] == "test"]
        if part.empty:
            raise ValueError(f"folds: each must have test images. Received: none in fold {fold}")
        for image_id in part["image_id"]:
            if (other := tested.setdefault(image_id, fold)) != fold:
                both = len(set(part["image_id"]) & {name for name, first in tested.items() if first == other})
                raise ValueError(
                    f"folds: {other} and {fold} overlap, both tested the same {both:,} images, {image_id} among them; "
                    "each image must be tested once"
                )
        parts.append(part.assign(fold=fold))
    return pd.concat(parts, ignore_index=True)


def fold_scores(pooled: pd.DataFrame, thresholds: Mapping[int, float]) -> dict[str, float]:
    """Returns scores of pooled predictions, each image predicted by the network not trained on it.

    Scores that need an order only are combined fold by fold: logits of different networks are on different scales, and
    are not compared. Scores at a threshold, and those of probabilities, count all images together.

    Args:
        pooled: what `pool_folds` returns, with label, logit and probability; optionally `calibrated` (probability) and
            `threshold` (the operating threshold of each image's fold).
        thresholds: by fold, the one chosen on that fold's validation images.

    Returns:
        `test/<score>`: of ranking scores the mean over folds, of others that of all images, the `_youden` and `_chosen`
        ones with each fold's own threshold; and for each that does not end so `test/<score>_mean` and
        `test/<score>_sd`, mean and standard deviation (n - 1) of the folds' scores. NaN if undefined.
    """
    scores = threshold_scores(pooled["label"], pooled["probability"], 0.5)
    predicted = predicted_labels(pooled["probability"], pooled["fold"].map(thresholds))
    at_youden = threshold_scores(pooled["label"], predicted, 0.5)
    by_fold = pd.DataFrame([_scores(part) for _, part in pooled.groupby("fold")])
    if {"calibrated", "threshold"} <= set(pooled):
        chosen = threshold_scores(pooled["label"], predicted_labels(pooled["calibrated"], pooled["threshold"]), 0.5)
        scores |= {f"{name}_chosen": score for name, score in chosen.items()}
    found = {f"test/{name}": score for name, score in scores.items()}
    found |= {f"test/{name}_youden": score for name, score in at_youden.items()}
    for name in by_fold:
        found[f"test/{name}_mean"] = float(by_fold[name].mean(skipna=False))
        found[f"test/{name}_sd"] = float(by_fold[name].std(skipna=False))
    found |= {f"test/{name}": found[f"test/{name}_mean"] for name in RANKING}
    return found | {
        f"test/{name}": value for name, value in collapse_scores(pooled["probability"], pooled["logit"]).items()
    }


def fold_areas(pooled: pd.DataFrame) -> FoldAreas:
    """Returns the two areas of a cross-validation.

    The mean over folds is that of models as they were trained. The pooled one also compares images of different
    folds, whose models need not agree on what a logit of 0 means; it is lower where they do not.

    Args:
        pooled: from `pool_folds`, columns `fold`, `label` and `logit`.

    Returns:
        A `FoldAreas`. A fold that has only one class or a logit that is not finite makes the mean NaN, with a
        warning: leaving it out would choose folds by what is in them.

    Raises:
        ValueError: if a column is missing or a label is not 0 or 1.
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


def _scores(part: pd.DataFrame) -> dict[str, float]:
    return ranking_scores(part["label"], part["logit"]) | threshold_scores(part["label"], part["probability"], 0.5)
