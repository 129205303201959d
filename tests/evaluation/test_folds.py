"""Out-of-fold predictions in one table."""

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import roc_auc_score

from skinexp.evaluation import fold_areas, pool_folds


@pytest.fixture
def folds():
    """Three folds; the model of the last says everything 5 higher."""
    generator = np.random.default_rng(0)
    made = []
    for number in range(3):
        label = generator.integers(0, 2, 40)
        logit = generator.normal(2 * label, 1) + 5 * (number == 2)
        ids = [f"{number}_{place}" for place in range(40)]
        made.append(pd.DataFrame({"image_id": ids, "label": label, "logit": logit, "split": "test"}))
    return made


def test_folds_become_one_table_that_says_which_is_which(folds):
    ids = [image for fold in folds for image in fold["image_id"]]

    pooled = pool_folds(folds, ids)

    assert pooled["fold"].value_counts().to_dict() == {0: 40, 1: 40, 2: 40}
    assert pooled["image_id"].tolist() == ids
    assert "fold" not in folds[0]


def test_the_mean_of_the_folds_stands_beside_the_pooled_area(folds):
    pooled = pool_folds(folds)
    areas = [roc_auc_score(fold["label"], fold["logit"]) for fold in folds]

    result = fold_areas(pooled)

    assert result.mean == pytest.approx(np.mean(areas))
    assert result.spread == pytest.approx(np.std(areas, ddof=1))
    assert result.pooled == pytest.approx(roc_auc_score(pooled["label"], pooled["logit"]))
    assert result.by_fold == pytest.approx(dict(enumerate(areas)))
    assert result.pooled < result.mean - 0.05  # logits of the last fold are no neighbours of the others


def test_an_image_in_two_folds_is_refused_by_name(folds):
    folds[2].loc[0, "image_id"] = "1_7"

    with pytest.raises(ValueError, match=r"each image must be judged once\. Received: 1_7 in folds 1, 2 \(1 such"):
        pool_folds(folds)


def test_folds_that_do_not_make_up_the_data_set_are_refused(folds):
    ids = [image for fold in folds for image in fold["image_id"]]

    with pytest.raises(ValueError, match=r"1 images are in no fold\. Received: lost"):
        pool_folds(folds, [*ids, "lost"])
    with pytest.raises(ValueError, match=r"1 images are not of this data set\. Received: 0_0"):
        pool_folds(folds, ids[1:])


def test_one_fold_and_a_fold_without_ids_are_refused(folds):
    with pytest.raises(ValueError, match="two at least make a cross-validation"):
        pool_folds(folds[:1])
    with pytest.raises(ValueError, match=r"predictions of fold 1: these columns are missing: image_id"):
        pool_folds([folds[0], folds[1].drop(columns="image_id")])


def test_a_fold_of_one_class_leaves_no_mean(folds):
    folds[1]["label"] = 0

    with pytest.warns(UndefinedMetricWarning, match="the area of fold 1 is undefined"):
        result = fold_areas(pool_folds(folds))

    assert math.isnan(result.mean)
    assert not math.isnan(result.pooled)
