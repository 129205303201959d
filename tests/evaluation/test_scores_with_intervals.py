"""Scores of test images with their intervals, as an evaluation gives them."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.exceptions import UndefinedMetricWarning

from skinexp.evaluation import (
    Calibrator,
    EvaluationOptions,
    OperatingPoint,
    auc_interval,
    choose_threshold,
    evaluate,
    fit_calibrator,
    net_benefit,
    probability_scores,
    ranking_scores,
    threshold_scores,
    wilson,
)


def study(images=1_000, seed=0):
    """Predictions of a fair model that is too sure of itself, with some metadata."""
    generator = np.random.default_rng(seed)
    group = generator.integers(0, images // 2, images)
    label = (generator.random(images // 2) < 0.3)[group].astype(int)
    logit = 2 * generator.normal(1.5 * label - 1.2, 1.0)
    return pd.DataFrame(
        {
            "image_id": [f"image_{number}" for number in range(images)],
            "group": group,
            "split": np.where(group % 2, "val", "test"),
            "label": label,
            "logit": logit,
            "probability": expit(logit),
            "sex": generator.choice(["f", "m"], images),
        }
    )


def test_scores_are_those_of_the_plain_functions():
    predictions = study()
    test = predictions[predictions["split"] == "test"]
    labels, probabilities = test["label"], test["probability"]
    expected = ranking_scores(labels, test["logit"]) | probability_scores(labels, probabilities)
    expected |= threshold_scores(labels, probabilities, 0.5) | {"net_benefit": net_benefit(labels, probabilities, 0.5)}

    metrics = evaluate(predictions, EvaluationOptions(resamples=20)).metrics

    assert {name: metrics[f"test/{name}"] for name in expected} == pytest.approx(expected, rel=1e-12)


def test_each_score_lies_within_its_limits_and_says_how_they_were_made():
    scores = evaluate(study(), EvaluationOptions(calibration="isotonic", prevalence=0.05, resamples=300)).tables[
        "scores"
    ]

    assert ((scores["low"] <= scores["estimate"]) & (scores["estimate"] <= scores["high"])).all()
    assert scores["score"].is_unique
    method = scores.set_index("score")["method"]
    assert method["roc_auc"] == "Newcombe"
    assert method["recall"] == method["specificity_chosen"] == "Wilson"
    assert method["brier"] == method["ece_calibrated"] == method["mcc_chosen"] == "bootstrap"
    assert method["npv"] == method["precision_chosen"] == "bootstrap"
    assert method["ppv_at_prevalence"] == "MOVER of Wilson"


def test_calls_that_are_all_right_are_no_certainty():
    predictions = study()
    best = predictions.loc[predictions["label"] == 0, "probability"].max()

    row = (
        evaluate(predictions, EvaluationOptions((best + 1) / 2, resamples=100))
        .tables["scores"]
        .set_index("score")
        .loc["precision_chosen"]
    )

    assert row["estimate"] == row["high"] == 1
    assert 0 < row["low"] < 1
    assert row["method"] == "Wilson"


def test_classes_that_are_answered_all_right_leave_the_balanced_accuracy_in_doubt():
    label = np.tile([0, 1], 24)
    logit = np.where(label == 1, 2.0, -2.0)
    split = np.repeat(["val", "test"], 24)
    predictions = pd.DataFrame({"split": split, "label": label, "logit": logit, "probability": expit(logit)})

    scores = evaluate(predictions, EvaluationOptions(resamples=50)).tables["scores"].set_index("score")

    of_a_class = wilson(12, 12).low
    row = scores.loc["balanced_accuracy"]
    assert (row["estimate"], row["high"], row["method"]) == (1, 1, "MOVER of Wilson")
    assert 1 - row["low"] == pytest.approx(math.hypot(1 - of_a_class, 1 - of_a_class) / 2)
    assert scores.loc[["mcc", "f1", "average_precision", "brier"], ["low", "high"]].isna().all(axis=None)
    assert scores.loc["mcc", "method"] == "none: these images do not show how the score varies"


def test_the_area_has_newcombes_interval_with_lesions_taken_together():
    predictions = study()
    test = predictions[predictions["split"] == "test"]

    row = evaluate(predictions, EvaluationOptions(resamples=50)).tables["scores"].set_index("score").loc["roc_auc"]

    expected = auc_interval(test["label"], test["logit"], test["group"])
    assert row[["estimate", "low", "high"]].tolist() == pytest.approx(list(expected))


@pytest.mark.parametrize("rule", ["youden", "sensitivity>=0.9", "cost=10", "0.2"])
@pytest.mark.parametrize("calibration", ["none", "logistic", "isotonic"])
def test_threshold_and_calibration_are_learned_on_validation_alone(rule, calibration):
    predictions = study()
    val, test = (predictions[predictions["split"] == split] for split in ("val", "test"))
    turned = predictions.assign(
        label=predictions["label"].where(predictions["split"] == "val", 1 - predictions["label"])
    )

    result, other = (
        evaluate(table, EvaluationOptions(rule, calibration, resamples=20)) for table in (predictions, turned)
    )

    calibrator = fit_calibrator(calibration, val["label"], val["logit"])
    assert result.calibrator == other.calibrator == calibrator
    expected = choose_threshold(rule, val["label"], calibrator.apply(val["logit"]))
    assert result.operating_threshold == other.operating_threshold == pytest.approx(expected)
    chosen = threshold_scores(test["label"], calibrator.apply(test["logit"]), result.operating_threshold)
    assert result.metrics["test/recall_chosen"] == pytest.approx(chosen["recall"])
    assert result.metrics["test/f1_chosen"] == pytest.approx(chosen["f1"])


def test_the_change_of_the_log_loss_is_that_of_the_same_images_and_has_an_interval():
    predictions = study(400)
    predictions["logit"] += 1.5
    predictions["probability"] = expit(predictions["logit"])
    result = evaluate(predictions, EvaluationOptions(calibration="logistic", resamples=200))
    scores = result.tables["scores"].set_index("score")

    change = scores.loc["log_loss_change"]
    assert change["estimate"] == pytest.approx(
        result.metrics["test/log_loss_calibrated"] - result.metrics["test/log_loss"]
    )
    assert change["low"] < change["estimate"] < change["high"] < 0  # it helped
    widths = scores["high"] - scores["low"]
    assert widths["log_loss_change"] < widths["log_loss"] + widths["log_loss_calibrated"]
    assert (
        "log_loss_change"
        not in evaluate(predictions, EvaluationOptions(resamples=20)).tables["scores"]["score"].tolist()
    )


def test_calibration_shows_before_and_after():
    result = evaluate(study(4_000), EvaluationOptions(calibration="temperature", resamples=50))

    assert result.metrics["test/ece_calibrated"] < result.metrics["test/ece"]
    assert result.tables["reliability"].groupby("stage")["images"].sum().nunique() == 1
    assert result.tables["reliability"]["stage"].unique().tolist() == ["before", "after"]
    assert not any(name.endswith("_calibrated") for name in evaluate(study(), EvaluationOptions(resamples=20)).metrics)


def test_metrics_can_be_logged():
    result = evaluate(study(), EvaluationOptions(prevalence=0.02, resamples=50))

    assert result.metrics["threshold/chosen"] == result.operating_threshold
    assert {"test/roc_auc_low", "test/roc_auc_high", "test/ppv_at_prevalence"} <= result.metrics.keys()
    assert all(type(value) is float and math.isfinite(value) for value in result.metrics.values())


def test_the_same_seed_gives_the_same_evaluate():
    first, again, other = (evaluate(study(), EvaluationOptions(seed=seed, resamples=50)) for seed in (1, 1, 2))

    pd.testing.assert_frame_equal(first.tables["scores"], again.tables["scores"])
    pd.testing.assert_frame_equal(first.tables["roc_band"], again.tables["roc_band"])
    assert not first.tables["scores"].equals(other.tables["scores"])


def test_subgroups_and_bands_are_there():
    result = evaluate(study(), EvaluationOptions(resamples=50))

    assert set(result.tables["subgroups"]["column"]) == {"sex"}
    assert len(result.tables["roc_band"]) == 101
    assert result.tables["precision_recall_band"]["precision"].notna().all()


def test_without_groups_each_image_is_its_own():
    predictions = study()

    alone = evaluate(predictions.drop(columns="group"), EvaluationOptions(resamples=20)).tables["scores"]
    own = evaluate(predictions.assign(group=predictions["image_id"]), EvaluationOptions(resamples=20)).tables["scores"]

    assert alone.set_index("score").loc["roc_auc", "low"] == pytest.approx(own.set_index("score").loc["roc_auc", "low"])


def test_a_diverged_model_has_no_scores_and_no_error():
    predictions = study().assign(logit=math.nan, probability=math.nan)

    with pytest.warns(UndefinedMetricWarning):
        result = evaluate(predictions, EvaluationOptions(calibration="temperature", prevalence=0.1, resamples=20))

    assert all(map(math.isnan, result.metrics.values()))
    assert result.calibrator.parameters == {"temperature": 1.0}


@pytest.mark.parametrize("split", ["val", "test"])
def test_a_split_of_one_class_leaves_what_it_does_not_take_part_in(split):
    predictions = study()
    predictions.loc[predictions["split"] == split, "label"] = 0

    with pytest.warns(UndefinedMetricWarning):
        metrics = evaluate(predictions, EvaluationOptions(calibration="isotonic", resamples=20)).metrics

    if split == "val":
        assert math.isnan(metrics["threshold/chosen"])
        assert math.isnan(metrics["test/recall_chosen"])
        assert math.isfinite(metrics["test/recall"])
    else:
        assert math.isfinite(metrics["threshold/chosen"])
        assert math.isnan(metrics["test/roc_auc"])
        assert math.isfinite(metrics["test/specificity_chosen"])
        assert metrics["test/f1"] == metrics["test/f1_chosen"] == 0  # none found, as none was there


@pytest.mark.parametrize("split", ["val", "test"])
def test_an_empty_split_is_no_error(split):
    predictions = study()

    options = EvaluationOptions(calibration="temperature", prevalence=0.1, resamples=20)

    with pytest.warns(UndefinedMetricWarning, match="no images"):
        evaluate(predictions[predictions["split"] != split], options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": "best"}, "threshold rule: must be one of"),
        ({"calibration": "platt"}, "calibration: must be one of"),
        ({"prevalence": 2}, "prevalence: must lie between 0 and 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        evaluate(study(100), EvaluationOptions(**options))


def test_a_missing_column_is_named():
    with pytest.raises(ValueError, match="columns are missing: logit"):
        evaluate(study(100).drop(columns="logit"))


def drawn(malignant, benign, apart, kind, seed=0):
    """Test images as a table, of which few are wrong, none, or all are the same."""
    generator = np.random.default_rng(seed)
    label = np.repeat([1, 0], [malignant, benign])
    logit = apart * (label - 0.5) + generator.normal(size=len(label))
    logit = {"graded": logit, "perfect": 4.0 * label - 2, "constant": 0 * logit - 1, "rounded": np.round(logit)}[kind]
    group = np.arange(len(label)) // (1 if seed % 2 else 2)
    return pd.DataFrame({"label": label, "logit": logit, "probability": expit(logit), "group": group})


@pytest.mark.parametrize("kind", ["graded", "perfect", "constant", "rounded"])
@pytest.mark.parametrize(("malignant", "benign"), [(3, 3), (8, 92), (2, 60), (40, 40)])
def test_no_interval_is_without_a_width_or_without_its_estimate(malignant, benign, kind):
    for seed, apart in enumerate((0.0, 3.0, 8.0)):
        table = drawn(malignant, benign, apart, kind, seed)
        point = OperatingPoint(0.5, Calibrator("temperature", {"temperature": 1.5}), 0.5)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UndefinedMetricWarning)
            tables = evaluate(table, EvaluationOptions(prevalence=0.02, resamples=200), point).tables
        rows = tables["scores"].dropna(subset=["low", "high"])
        assert rows[rows["high"] - rows["low"] < 1e-9]["score"].tolist() == []
        outside = (rows["low"] > rows["estimate"] + 1e-9) | (rows["high"] < rows["estimate"] - 1e-9)
        assert rows[outside]["score"].tolist() == []


def test_likelihood_ratios_have_movers_limits_and_none_without_a_false_positive():
    predictions = study()
    scores = evaluate(predictions, EvaluationOptions(resamples=50)).tables["scores"].set_index("score")
    for name, upper, lower in (
        ("positive_likelihood_ratio", "recall", "specificity"),
        ("negative_likelihood_ratio", "recall", "specificity"),
    ):
        recall, specificity = (scores.loc[f"{one}_chosen"] for one in (upper, lower))
        row = scores.loc[f"{name}_chosen"]
        positive = name.startswith("positive")
        shares = (recall["estimate"], 1 - specificity["estimate"]) if positive else (
            1 - recall["estimate"], specificity["estimate"]
        )  # fmt: skip
        assert row["estimate"] == pytest.approx(shares[0] / shares[1])
        assert row["low"] < row["estimate"] < row["high"]
        assert row["method"] == "MOVER of Wilson"

    best = predictions.loc[predictions["label"] == 0, "probability"].max()
    certain = evaluate(predictions, EvaluationOptions((best + 1) / 2, resamples=50)).tables["scores"]
    row = certain.set_index("score").loc["positive_likelihood_ratio_chosen"]
    assert row[["estimate", "low", "high"]].isna().all()


def test_costs_that_are_stated_give_an_expected_cost():
    predictions = study()
    test = predictions[predictions["split"] == "test"]

    assert not [name for name in evaluate(predictions, EvaluationOptions(resamples=20)).metrics if "cost" in name]
    by_rule = evaluate(predictions, EvaluationOptions("cost:9", prevalence=0.02, resamples=100))
    assert "test/expected_cost" not in by_rule.metrics  # the rule is of its own threshold
    predicted = test["probability"] >= by_rule.operating_threshold
    missed, alarms = (test["label"] == 1) & ~predicted, (test["label"] == 0) & predicted
    row = by_rule.tables["scores"].set_index("score").loc["expected_cost_chosen"]
    assert row["estimate"] == pytest.approx((9 * missed + 1.0 * alarms).mean())
    assert row["low"] < row["estimate"] < row["high"]
    at_prevalence = by_rule.tables["scores"].set_index("score").loc["expected_cost_at_prevalence"]
    share = missed.sum() / (test["label"] == 1).sum()
    expected = 9 * 0.02 * share + 0.98 * alarms.sum() / (test["label"] == 0).sum()
    assert at_prevalence["estimate"] == pytest.approx(expected)
    assert at_prevalence["low"] < expected < at_prevalence["high"]

    stated = evaluate(predictions, EvaluationOptions(risk_threshold=0.1, resamples=50)).metrics
    assert {"test/expected_cost", "test/expected_cost_chosen"} <= stated.keys()


def test_smooth_calibration_has_its_errors_with_intervals_and_its_curve():
    result = evaluate(study(), EvaluationOptions(calibration="temperature", resamples=100))

    scores = result.tables["scores"].set_index("score")
    for name in ("ici", "e50", "e90", "brier_skill_score", "observed_expected_ratio", "cohen_kappa_chosen"):
        assert scores.loc[name, "low"] < scores.loc[name, "high"]
        assert scores.loc[name, "method"] == "bootstrap"
    assert scores.loc["ici_calibrated", "estimate"] < scores.loc["ici", "estimate"]
    curve = result.tables["calibration_curve"]
    assert curve["stage"].unique().tolist() == ["before", "after"]
    assert curve.groupby("stage")["images"].sum().unique().tolist() == [(study()["split"] == "test").sum()]
    assert result.intervals["ici"] == {name: scores.loc["ici", name] for name in ("low", "high", "method")}


def test_few_cases_have_no_smooth_curve_and_no_interval_that_would_not_cover():
    few = drawn(24, 200, 2.0, "graded", seed=1)
    point = OperatingPoint(0.5, Calibrator(), 0.5)
    tables = evaluate(few, EvaluationOptions(resamples=50), point).tables
    scores = tables["scores"].set_index("score")

    assert scores.loc[["ici", "e50", "e90"], "estimate"].isna().all()
    assert scores.loc[["brier_skill_score", "cohen_kappa", "cohen_kappa_chosen"], "estimate"].notna().all()
    withheld = scores.loc[["ici", "e90", "brier_skill_score", "cohen_kappa_chosen"]]
    assert withheld["low"].isna().all()
    assert set(withheld["method"]) == {"none: fewer than 25 lesions or patients of a class"}
    assert tables["calibration_curve"].empty
    enough = evaluate(drawn(25, 200, 2.0, "graded", seed=1), EvaluationOptions(resamples=50), point).tables["scores"]
    assert enough.set_index("score").loc[["ici", "cohen_kappa"], "low"].notna().all()
