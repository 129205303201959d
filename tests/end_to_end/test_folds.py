"""A cross-validation as a user types it: a sweep whose jobs are folds, and the row that they become."""

from statistics import mean

import pandas as pd
import pytest
from sklearn import metrics

pytestmark = pytest.mark.slow  # trainings that nothing else looks at

FOLDS = ("0", "1")


@pytest.fixture(scope="module")
def folds(train):
    """A sweep over two folds, and one in which a fold is not asked for."""
    quiet = "tracking.tensorboard=false tracking.system_metrics=false tracking.model=false"
    return train(
        f"-m experiment=smoke {quiet} data.split.folds=2 data.split.fold=0,1",
        f"-m experiment=smoke {quiet} data.split.folds=3 data.split.fold=0,2",
    )


def test_each_image_is_tested_once(folds):
    tested = [folds[0].predictions(job).query("split == 'test'")["image_id"] for job in FOLDS]
    assert set(tested[0]).isdisjoint(tested[1])
    assert len(tested[0]) + len(tested[1]) == 80


def test_the_sweep_is_one_row_on_its_page_and_on_its_run_in_mlflow(folds):
    tested = [folds[0].predictions(job).query("split == 'test'") for job in FOLDS]
    area = mean(metrics.roc_auc_score(fold["label"], fold["logit"]) for fold in tested)  # logits of two networks
    (row,) = pd.read_csv(folds[0].directory / "comparison.csv").itertuples()
    assert "data.split.fold=" not in row.name
    assert pd.read_csv(folds[0].directory / "comparison.csv")["test/roc_auc"].tolist() == pytest.approx([area])
    assert folds[0].parent.data.metrics["test/roc_auc"] == pytest.approx(area)
    assert {"comparison.html", "folds.csv"} <= folds[0].artifacts(folds[0].parent)
    assert "80 images, each tested once by one of 2 networks" in folds[0].output


def test_a_fold_that_is_missing_is_named_on_the_terminal(folds):
    assert folds[1].code == 0
    assert "its folds were not pooled. Fold 1 of 3 is missing." in folds[1].output
    assert len(pd.read_csv(folds[1].directory / "comparison.csv")) == 2
