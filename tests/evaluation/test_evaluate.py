"""The evaluation pass: from predictions to all scores of a run."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn import metrics
from sklearn.exceptions import UndefinedMetricWarning

from skinexp.evaluation import (
    Calibrator,
    EvaluationOptions,
    OperatingPoint,
    classification_report,
    confusion_counts,
    youden_threshold,
)
from skinexp.evaluation import evaluate as evaluate_with

FEW = EvaluationOptions(resamples=20)


def evaluate(predictions, options=FEW, operating_point=None):
    """The evaluation pass with few resamples: intervals are not looked at here."""
    return evaluate_with(predictions, options, operating_point)


@pytest.fixture
def predictions():
    """A predictions table of a fair model: 120 images of val and 120 of test, mixed."""
    generator = np.random.default_rng(0)
    label = generator.integers(0, 2, 240)
    logit = generator.normal(1.5 * (label - 0.5), 1.0)
    split = generator.permutation(np.repeat(["val", "test"], 120))
    return pd.DataFrame({"split": split, "label": label, "logit": logit, "probability": expit(logit), "age": 50})


def test_every_score_is_named_for_both_splits(predictions):
    ranking = ["roc_auc", "average_precision", "pauc_isic2024", "pauc_isic_scorer"]
    ranking += [f"sensitivity_at_{rate}_specificity" for rate in (90, 95)]
    ranking += [f"specificity_at_{rate}_sensitivity" for rate in (90, 95)]
    ranking += ["brier", "brier_skill_score", "log_loss", "ece", "calibration_slope", "calibration_intercept"]
    ranking += ["observed_expected_ratio"]
    at_threshold = ["accuracy", "precision", "recall", "specificity", "f1", "npv", "balanced_accuracy", "mcc"]
    at_threshold += ["cohen_kappa", "positive_likelihood_ratio", "negative_likelihood_ratio"]
    names = ranking + at_threshold + [f"{name}_youden" for name in at_threshold]
    only_test = ["predicted_positive", "logit_std", "roc_auc_low", "roc_auc_high", "net_benefit", "net_benefit_chosen"]
    only_test += [f"{name}_chosen" for name in at_threshold]
    only_test += ["ici", "e50", "e90"]

    result = evaluate(predictions)

    assert set(result.metrics) == {
        *(f"{split}/{name}" for split in ("val", "test") for name in names),
        *(f"test/{name}" for name in only_test),
        "threshold/youden",
        "threshold/chosen",
    }
    assert all(isinstance(score, float) for score in result.metrics.values())


def test_scores_are_those_of_scikit_learn(predictions):
    test = predictions[predictions["split"] == "test"]

    scores = evaluate(predictions).metrics

    assert scores["test/roc_auc"] == pytest.approx(metrics.roc_auc_score(test["label"], test["logit"]))
    assert scores["test/accuracy"] == pytest.approx(metrics.accuracy_score(test["label"], test["logit"] >= 0))
    assert scores["test/predicted_positive"] == pytest.approx((test["logit"] >= 0).mean())
    assert scores["test/logit_std"] == pytest.approx(np.std(test["logit"]))


def test_the_threshold_is_chosen_on_validation_and_test_has_no_say(predictions):
    val = predictions[predictions["split"] == "val"]
    turned = predictions.assign(
        label=predictions["label"].where(predictions["split"] == "val", 1 - predictions["label"])
    )

    assert evaluate(predictions).thresholds["youden"] == youden_threshold(val["label"], val["probability"])
    assert evaluate(turned).thresholds == evaluate(predictions).thresholds


def test_reports_describe_the_test_part_at_each_threshold(predictions):
    result = evaluate(predictions)

    assert set(result.reports) == {"0.5", "youden", "chosen"}
    assert result.reports["0.5"].loc["malignant", "recall"] == pytest.approx(result.metrics["test/recall"])
    assert result.reports["youden"].loc["malignant", "recall"] == result.metrics["test/recall_youden"]
    assert result.reports["chosen"].loc["malignant", "recall"] == pytest.approx(result.metrics["test/recall_chosen"])
    assert result.reports["0.5"].loc["macro avg", "support"] == 120


def test_a_collapsed_model_shows_in_its_metrics(predictions):
    logit = -0.03 + 4e-4 * predictions["logit"]
    scores = evaluate(predictions.assign(logit=logit, probability=expit(logit))).metrics

    benign = 1 - predictions.loc[predictions["split"] == "test", "label"].mean()
    assert scores["test/predicted_positive"] == 0
    assert scores["test/logit_std"] < 1e-3
    assert scores["test/accuracy"] == pytest.approx(benign)
    assert math.isnan(scores["test/precision"])
    assert scores["test/recall"] == scores["test/f1"] == 0
    assert scores["test/roc_auc"] == evaluate(predictions).metrics["test/roc_auc"]  # the order survives


def test_logits_rank_where_their_probabilities_are_all_1():
    predictions = pd.DataFrame(
        {"split": ["val", "val", "test", "test"], "label": [0, 1, 0, 1], "logit": [40, 50, 40, 50]}
    )
    predictions["probability"] = expit(predictions["logit"].astype("float32"))

    scores = evaluate(predictions).metrics

    assert predictions["probability"].nunique() == 1
    assert scores["test/roc_auc"] == 1


def test_without_a_threshold_its_scores_are_nan_and_the_others_stand(predictions):
    predictions.loc[predictions["split"] == "val", "label"] = 0

    with pytest.warns(UndefinedMetricWarning):
        result = evaluate(predictions)

    assert math.isnan(result.thresholds["youden"])
    assert math.isnan(result.operating_threshold)
    assert all(math.isnan(score) for name, score in result.metrics.items() if name.endswith(("_youden", "_chosen")))
    assert result.metrics["test/accuracy"] > 0.5
    assert result.decisions["predicted"].tolist() == (result.decisions["probability"] >= 0.5).tolist()


def test_a_diverged_model_is_evaluated_to_nan_instead_of_failing(predictions):
    with pytest.warns(UndefinedMetricWarning):
        result = evaluate(predictions.assign(logit=math.nan, probability=math.nan))

    assert all(math.isnan(score) for score in result.metrics.values())


def test_a_missing_column_is_named(predictions):
    with pytest.raises(ValueError, match=r"missing: logit, probability\. Received: split, label, age"):
        evaluate(predictions.drop(columns=["logit", "probability"]))


STRICT = EvaluationOptions("sensitivity:0.95", "temperature", resamples=20)


def test_the_report_at_the_operating_threshold_counts_what_the_decisions_say(predictions):
    result = evaluate(predictions, STRICT)
    decided = result.decisions

    assert abs(result.operating_threshold - result.thresholds["youden"]) > 0.05
    expected = classification_report(decided["label"], decided["predicted"], 0.5)
    pd.testing.assert_frame_equal(result.reports["chosen"], expected)
    assert result.reports["chosen"].loc["malignant", "recall"] > result.reports["youden"].loc["malignant", "recall"]


def test_the_decisions_are_those_of_the_calibrated_probabilities_at_the_operating_threshold(predictions):
    result = evaluate(predictions, STRICT)
    calibrated = result.calibrator.apply(result.decisions["logit"])

    assert result.decisions["predicted"].tolist() == (calibrated >= result.operating_threshold).tolist()
    counts = confusion_counts(result.decisions["label"], calibrated, result.operating_threshold)
    assert result.metrics["test/recall_chosen"] == pytest.approx(counts[1, 1] / counts[1].sum())


def test_a_given_operating_point_has_the_scores_of_the_training_that_chose_it(predictions):
    trained = evaluate(predictions, STRICT)
    test = predictions[predictions["split"] == "test"].drop(columns="split")

    given = evaluate(test, FEW, OperatingPoint(trained.operating_threshold, trained.calibrator))

    shared = {name: value for name, value in trained.metrics.items() if name in given.metrics}
    assert given.metrics == shared
    assert set(trained.metrics) - set(given.metrics) == {
        name for name in trained.metrics if name.startswith("val/") or name.endswith("youden")
    }
    assert given.thresholds == {"half": 0.5, "chosen": trained.operating_threshold}
    assert set(given.reports) == {"0.5", "chosen"}
    scores = trained.tables["scores"]
    shared_rows = scores[~scores["score"].str.endswith("_youden")].reset_index(drop=True)
    pd.testing.assert_frame_equal(given.tables["scores"], shared_rows)


def test_images_of_one_class_have_the_scores_that_exist(predictions):
    malignant = predictions[predictions["label"] == 1]

    with pytest.warns(UndefinedMetricWarning):
        metrics = evaluate(malignant, FEW, OperatingPoint(0.3, Calibrator())).metrics

    found = (malignant["probability"] >= 0.3).mean()
    assert metrics["test/recall_chosen"] == pytest.approx(found)
    assert metrics["test/f1_chosen"] == pytest.approx(2 * found / (found + 1))
    assert math.isnan(metrics["test/roc_auc"])
    assert math.isnan(metrics["test/specificity_chosen"])


def test_scores_at_each_threshold_have_an_interval(predictions):
    scores = evaluate(predictions).tables["scores"].set_index("score")
    for name in ("accuracy", "recall", "specificity", "f1", "mcc"):
        for suffix in ("", "_chosen", "_youden"):
            row = scores.loc[f"{name}{suffix}"]
            assert row["low"] <= row["estimate"] <= row["high"], f"{name}{suffix}"
    assert "youden" not in evaluate(predictions).decisions
