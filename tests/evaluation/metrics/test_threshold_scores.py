"""Scores, against scikit-learn's and against what they must be by algebra."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.exceptions import UndefinedMetricWarning

from skinexp.evaluation import classification_report, confusion_counts, ranking_scores, threshold_scores

PROBABILITIES = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), st.floats(0, 1))
CASES = st.lists(st.tuples(st.integers(0, 1), PROBABILITIES), min_size=1, max_size=40)


def arrays(cases):
    labels, probabilities = np.array(cases).T
    return labels.astype(int), probabilities


@given(CASES, st.floats(0, 1))
def test_scores_at_a_threshold_are_those_of_scikit_learn(cases, threshold):
    labels, probabilities = arrays(cases)
    called = probabilities >= threshold

    scores = threshold_scores(labels, probabilities, threshold)

    expected = {
        "accuracy": metrics.accuracy_score(labels, called),
        "precision": metrics.precision_score(labels, called, zero_division=np.nan),
        "recall": metrics.recall_score(labels, called, zero_division=np.nan),
        "specificity": metrics.recall_score(labels, called, pos_label=0, zero_division=np.nan),
        "f1": metrics.f1_score(labels, called, zero_division=np.nan),
        "npv": metrics.precision_score(labels, called, pos_label=0, zero_division=np.nan),
        "balanced_accuracy": metrics.balanced_accuracy_score(labels, called) if len(set(labels)) == 2 else np.nan,
        # scikit-learn says 0 where an answer is constant; here 0/0 is no number
        "mcc": metrics.matthews_corrcoef(labels, called) if min(len(set(labels)), len(set(called))) == 2 else np.nan,
    }
    if len({*labels, *called}) == 2:
        expected["cohen_kappa"] = metrics.cohen_kappa_score(labels, called)
    else:
        expected["cohen_kappa"] = np.nan
    alarmed, spared = 1 - expected["specificity"], expected["specificity"]
    expected["positive_likelihood_ratio"] = expected["recall"] / alarmed if alarmed > 0 else np.nan
    expected["negative_likelihood_ratio"] = (1 - expected["recall"]) / spared if spared > 0 else np.nan
    assert scores == pytest.approx(expected, nan_ok=True)


@given(CASES, st.floats(0, 1))
def test_accuracy_is_recall_and_specificity_weighted_by_prevalence(cases, threshold):
    labels, probabilities = arrays(cases)
    assume(len(set(labels)) == 2)
    prevalence = labels.mean()

    scores = threshold_scores(labels, probabilities, threshold)

    weighted = prevalence * scores["recall"] + (1 - prevalence) * scores["specificity"]
    assert scores["accuracy"] == pytest.approx(weighted)


@given(CASES, st.floats(0, 1))
def test_f1_is_the_harmonic_mean_of_precision_and_recall(cases, threshold):
    scores = threshold_scores(*arrays(cases), threshold)
    assume(scores["precision"] > 0 and scores["recall"] > 0)

    assert 2 / scores["f1"] == pytest.approx(1 / scores["precision"] + 1 / scores["recall"])


def test_a_score_on_the_threshold_counts_as_malignant():
    assert threshold_scores([1], [0.5], 0.5)["recall"] == 1


def test_a_model_that_never_says_malignant_has_no_precision_and_an_f1_of_0():
    scores = threshold_scores([0, 0, 1], [0.1, 0.2, 0.3], 0.5)

    assert math.isnan(scores["precision"])
    assert scores["recall"] == 0
    assert scores["specificity"] == 1
    assert scores["f1"] == 0


def test_a_class_that_is_absent_has_no_recall():
    only_benign = threshold_scores([0, 0], [0.1, 0.2], 0.5)
    only_malignant = threshold_scores([1, 1], [0.1, 0.9], 0.5)

    assert math.isnan(only_benign["recall"])
    assert math.isnan(only_benign["f1"])
    assert math.isnan(only_malignant["specificity"])


@pytest.mark.parametrize(
    ("labels", "probabilities", "threshold"),
    [([], [], 0.5), ([0, 1], [0.2, 0.8], math.nan), ([0, 1], [math.nan, 0.8], 0.5)],
    ids=["no images", "no threshold", "a probability that is not a number"],
)
def test_what_cannot_be_scored_is_nan_throughout(labels, probabilities, threshold):
    assert all(map(math.isnan, threshold_scores(labels, probabilities, threshold).values()))
    report = classification_report(labels, probabilities, threshold)
    assert report[["precision", "recall", "f1"]].isna().all(axis=None)


@given(CASES, st.floats(0, 1))
def test_counts_add_up_to_the_images_of_each_class(cases, threshold):
    labels, probabilities = arrays(cases)

    counts = confusion_counts(labels, probabilities, threshold)

    assert counts.sum(axis=1).tolist() == [(labels == 0).sum(), (labels == 1).sum()]
    assert counts.sum(axis=0).tolist() == [(probabilities < threshold).sum(), (probabilities >= threshold).sum()]


@given(CASES)
def test_ranking_scores_are_those_of_scikit_learn(cases):
    labels, scores = arrays(cases)
    assume(len(set(labels)) == 2)

    ours = ranking_scores(labels, scores)

    assert ours["roc_auc"] == pytest.approx(metrics.roc_auc_score(labels, scores))
    assert ours["average_precision"] == pytest.approx(metrics.average_precision_score(labels, scores))


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(-1_000, 1_000)), min_size=2, max_size=40))
def test_the_roc_area_is_the_share_of_pairs_in_the_right_order(cases):
    labels, logits = np.array(cases).T
    assume(len(set(labels)) == 2)
    differences = logits[labels == 1][:, None] - logits[labels == 0][None, :]

    area = ranking_scores(labels, logits)["roc_auc"]

    assert area == pytest.approx(((differences > 0) + 0.5 * (differences == 0)).mean())
    assert ranking_scores(labels, -logits)["roc_auc"] == pytest.approx(1 - area)


@pytest.mark.parametrize(
    ("labels", "scores", "reason"),
    [
        ([0, 0], [1.0, 2.0], "only benign images"),
        ([1, 1], [1.0, 2.0], "only malignant images"),
        ([0, 1], [math.inf, math.nan], "2 of 2 scores not finite"),
        ([], [], "no images"),
    ],
)
def test_what_cannot_be_ranked_is_nan_with_a_warning_that_says_why(labels, scores, reason):
    with pytest.warns(UndefinedMetricWarning, match=reason):
        assert all(map(math.isnan, ranking_scores(labels, scores).values()))


@given(CASES, st.floats(0, 1))
def test_the_report_is_that_of_scikit_learn_where_all_is_defined(cases, threshold):
    labels, probabilities = arrays(cases)
    called = probabilities >= threshold
    assume(len(set(labels)) == 2 and len(set(called)) == 2)

    report = classification_report(labels, probabilities, threshold)

    expected = metrics.classification_report(labels, called, target_names=["benign", "malignant"], output_dict=True)
    for row in report.index:
        assert report.loc[row, "precision"] == pytest.approx(expected[row]["precision"])
        assert report.loc[row, "recall"] == pytest.approx(expected[row]["recall"])
        assert report.loc[row, "f1"] == pytest.approx(expected[row]["f1-score"])
        assert report.loc[row, "support"] == expected[row]["support"]


def test_the_report_gives_no_mean_precision_to_a_model_that_never_says_malignant():
    report = classification_report([0, 0, 1], [0.1, 0.2, 0.3], 0.5)

    assert report.loc["benign", "precision"] == pytest.approx(2 / 3)
    assert report.loc[["malignant", "macro avg", "weighted avg"], "precision"].isna().all()


def test_a_class_without_images_does_not_weigh_in_the_report():
    report = classification_report([0, 0], [0.1, 0.9], 0.5)

    assert math.isnan(report.loc["macro avg", "recall"])
    assert report.loc["weighted avg", "recall"] == 0.5


@pytest.mark.parametrize(
    ("labels", "probabilities", "message"),
    [
        (
            [0, 2, 1, 2],
            [0.1, 0.2, 0.3, 0.4],
            r"labels: must be 0 \(benign\) or 1 .* Received: 2 in row 1 \(2 such rows\)",
        ),
        (
            [0, 1],
            [0.1, 1.5],
            r"probabilities: must lie in 0\.\.1; these look like logits\. Received: 1\.5 in row 1",
        ),
        ([0, 1], [0.1], r"Received: labels of shape \(2,\), scores of shape \(1,\)"),
        ([[0], [1]], [[0.1], [0.2]], r"Received: labels of shape \(2, 1\)"),
    ],
)
def test_input_that_makes_no_sense_is_refused_with_its_place(labels, probabilities, message):
    with pytest.raises(ValueError, match=message):
        threshold_scores(labels, probabilities, 0.5)
