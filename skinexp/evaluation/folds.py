"""Predictions of a cross-validation: those of all folds as one table, in which each image is tested once."""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from skinexp.evaluation.scores import ranking_scores, threshold_scores


def pool_folds(tables: Mapping[int, pd.DataFrame]) -> pd.DataFrame:
    """The test predictions of all folds, one below the other.

    Args:
        tables: by fold, a predictions table with columns `image_id` and `split`; only rows of split "test" are taken.

    Returns:
        A table with the columns of the first and `fold`, folds in ascending order.

    Raises:
        ValueError: where there is no fold, one has no test images, or two tested the same image.
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
    """Scores of pooled predictions, each image judged by the network that had not seen it.

    The ranking scores compare logits of different networks with each other, which costs a little where those are not
    equally calibrated: the mean over folds stands beside them, with the spread.

    Args:
        pooled: what `pool_folds` returns, with label, logit and probability.
        thresholds: by fold, the one chosen on that fold's validation images.

    Returns:
        `test/<score>` of all images, the `_youden` ones with each fold's own threshold; and for each that does not
        end so `test/<score>_mean` and `test/<score>_sd`, mean and standard deviation (n - 1) of the folds' scores.
        NaN where undefined.
    """
    scores = _scores(pooled)
    # As if all had been 0 or 1: each fold's own threshold has decided already.
    limits = pooled["fold"].map(thresholds).to_numpy(dtype=float)
    decided = np.where(np.isnan(limits), math.nan, pooled["probability"].to_numpy(dtype=float) >= limits)
    at_youden = threshold_scores(pooled["label"], decided, 0.5)
    by_fold = pd.DataFrame([_scores(part) for _, part in pooled.groupby("fold")])
    found = {f"test/{name}": score for name, score in scores.items()}
    found |= {f"test/{name}_youden": score for name, score in at_youden.items()}
    for name in scores:
        found[f"test/{name}_mean"] = float(by_fold[name].mean(skipna=False))
        found[f"test/{name}_sd"] = float(by_fold[name].std(skipna=False))
    called = pooled["probability"].to_numpy(dtype=float)
    found["test/predicted_positive"] = math.nan if np.isnan(called).any() else float((called >= 0.5).mean())
    found["test/logit_std"] = float(pooled["logit"].to_numpy(dtype=float).std())
    return found


def _scores(part: pd.DataFrame) -> dict[str, float]:
    return ranking_scores(part["label"], part["logit"]) | threshold_scores(part["label"], part["probability"], 0.5)
