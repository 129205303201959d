"""Out-of-fold predictions: each image once, and scikit-learn's numbers for all of them and for each fold."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn import metrics

from skinexp.evaluation.folds import fold_scores, pool_folds

FOLDS, IMAGES = 4, 60


def predictions(fold: int) -> pd.DataFrame:
    """A fold's table: its own test images, and validation images that other folds test."""
    rng = np.random.default_rng(fold)
    own = np.arange(IMAGES) + fold * IMAGES
    label = np.tile([0, 1], IMAGES)
    logit = rng.normal(size=2 * IMAGES) + label
    return pd.DataFrame(
        {
            "image_id": np.concatenate([(own + IMAGES) % (FOLDS * IMAGES), own]),
            "split": np.repeat(["val", "test"], IMAGES),
            "label": label,
            "logit": logit,
            "probability": expit(logit),
        }
    )


@pytest.fixture
def tables() -> dict[int, pd.DataFrame]:
    return {fold: predictions(fold) for fold in reversed(range(FOLDS))}


def test_each_image_is_there_once_behind_its_fold(tables):
    pooled = pool_folds(tables)
    assert pooled["image_id"].tolist() == list(range(FOLDS * IMAGES))
    assert pooled["fold"].tolist() == np.repeat(range(FOLDS), IMAGES).tolist()
    assert set(pooled["split"]) == {"test"}


def test_folds_that_tested_the_same_images_are_refused_by_number_and_image(tables):
    tables[2] = pd.concat([tables[2], tables[1].tail(3)])
    with pytest.raises(ValueError, match=r"^folds: 1 and 2 overlap, both tested the same 3 images, \d+ among them"):
        pool_folds(tables)


def test_a_fold_without_test_images_is_refused_by_number(tables):
    tables[3] = tables[3].query("split == 'val'")
    with pytest.raises(ValueError, match="none in fold 3"):
        pool_folds(tables)


def test_nothing_cannot_be_pooled():
    with pytest.raises(ValueError, match="nothing to pool"):
        pool_folds({})


def test_scores_are_scikit_learns_of_all_images_and_of_each_fold(tables):
    pooled = pool_folds(tables)
    scores = fold_scores(pooled, dict.fromkeys(range(FOLDS), 0.5))
    assert scores["test/roc_auc"] == pytest.approx(metrics.roc_auc_score(pooled["label"], pooled["logit"]))
    areas = [metrics.roc_auc_score(part["label"], part["logit"]) for _, part in pooled.groupby("fold")]
    assert scores["test/roc_auc_mean"] == pytest.approx(np.mean(areas))
    assert scores["test/roc_auc_sd"] == pytest.approx(np.std(areas, ddof=1))
    called = pooled["probability"] >= 0.5
    assert scores["test/recall"] == pytest.approx(metrics.recall_score(pooled["label"], called))
    assert scores["test/recall_youden"] == scores["test/recall"]


def test_each_fold_is_judged_at_its_own_threshold(tables):
    pooled = pool_folds(tables)
    thresholds = {0: 0.2, 1: 0.5, 2: 0.7, 3: 0.9}
    called = pooled["probability"] >= pooled["fold"].map(thresholds)
    scores = fold_scores(pooled, thresholds)
    assert scores["test/accuracy_youden"] == pytest.approx(metrics.accuracy_score(pooled["label"], called))


def test_a_fold_without_a_threshold_leaves_no_score_at_it(tables):
    scores = fold_scores(pool_folds(tables), {0: math.nan, 1: 0.5, 2: 0.5, 3: 0.5})
    assert math.isnan(scores["test/accuracy_youden"])
    assert math.isfinite(scores["test/accuracy"])
