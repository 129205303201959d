"""Out-of-fold predictions: each image once, and scikit-learn's numbers for all of them and for each fold."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn import metrics
from sklearn.exceptions import UndefinedMetricWarning

from skinexp.evaluation import EvaluationOptions, compare_pairs
from skinexp.evaluation.folds import fold_scores, pool_folds
from skinexp.evaluation.scores_with_intervals import scores_with_intervals

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
    areas = [metrics.roc_auc_score(part["label"], part["logit"]) for _, part in pooled.groupby("fold")]
    assert scores["test/roc_auc"] == scores["test/roc_auc_mean"] == pytest.approx(np.mean(areas))
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


def test_an_offset_between_folds_changes_no_score_that_needs_an_order_only(tables):
    moved = {fold: table.assign(logit=table["logit"] + 3.0 * fold) for fold, table in tables.items()}
    thresholds = dict.fromkeys(range(FOLDS), 0.5)
    scores, shifted = (fold_scores(pool_folds(each), thresholds) for each in (tables, moved))
    for name in ("roc_auc", "average_precision", "pauc_isic2024", "sensitivity_at_90_specificity"):
        assert shifted[f"test/{name}"] == scores[f"test/{name}"]


def decided(tables):
    """What a comparison makes of folds: pooled, with calibrated probabilities and a threshold."""
    pooled = pool_folds(tables).drop(columns="split")
    return pooled.assign(calibrated=pooled["probability"], threshold=0.5)


def test_intervals_of_ranking_scores_do_not_change_with_an_offset_between_folds(tables):
    moved = {fold: table.assign(logit=table["logit"] + 3.0 * fold) for fold, table in tables.items()}
    scored, shifted = (
        scores_with_intervals(decided(each), False, EvaluationOptions(resamples=200)).tables["scores"]
        for each in (tables, moved)
    )
    pd.testing.assert_frame_equal(scored, shifted)
    rows = scored.set_index("score")
    for name in ("roc_auc", "average_precision", "sensitivity_at_90_specificity"):
        low, estimate, high = rows.loc[name, ["low", "estimate", "high"]]
        assert low < estimate < high or name.startswith("sens")


def test_two_configurations_that_are_equal_in_each_fold_are_not_significantly_different(tables):
    generator = np.random.default_rng(5)
    other = {
        fold: table.assign(logit=table["logit"] + 0.1 * generator.normal(size=len(table)) + 4.0 * fold)
        for fold, table in tables.items()
    }
    pairs = compare_pairs({"one": decided(tables), "offset": decided(other)}, resamples=50)

    row = pairs.pairs.iloc[0]
    assert abs(row["difference"]) < 0.03
    assert row["p_value"] > 0.05
    differences = pairs.differences.set_index("score")
    assert abs(differences.loc["roc_auc", "difference"] - row["difference"]) < 1e-12
    pooled = [metrics.roc_auc_score(one["label"], one["logit"]) for one in (decided(tables), decided(other))]
    assert pooled[0] - pooled[1] > 0.1  # what the pooled logits would say


def test_a_fold_of_one_class_leaves_no_ranking_score_and_no_error(tables):
    tables[1]["label"] = 0
    with pytest.warns(UndefinedMetricWarning):
        found = scores_with_intervals(decided(tables), False, EvaluationOptions(resamples=20)).metrics
    assert math.isnan(found["test/roc_auc"])
    assert math.isfinite(found["test/accuracy"])
