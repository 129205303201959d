"""Partial areas against the public definitions, and rates at rates against all thresholds that there are."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import metrics

from skinexp.evaluation import ranking_scores

CASES = st.lists(st.tuples(st.integers(0, 1), st.integers(-6, 6)), min_size=2, max_size=60)


def arrays(cases):
    labels, scores = np.array(cases).T
    assume(len(set(labels)) == 2)
    return labels, scores.astype(float)


def kaggle(labels, scores):
    """The challenge's own words: labels and scores turned round, then scikit-learn's area below a rate of 0.2.

    scikit-learn rescales that area from (0.5 * 0.2**2 .. 0.2) to (0.5 .. 1); this takes it back.
    """
    scaled = metrics.roc_auc_score(abs(labels - 1), -scores, max_fpr=0.2)
    least, most = 0.5 * 0.2**2, 0.2
    return least + (most - least) * (scaled - 0.5) / 0.5


def scorer(labels, scores):
    """The area under the part of scikit-learn's curve that reaches 0.8, its first point put in between two."""
    false, true, _ = metrics.roc_curve(labels, scores, drop_intermediate=False)
    first = int(np.argmax(true >= 0.8))
    part = (0.8 - true[first - 1]) / (true[first] - true[first - 1])
    start = false[first - 1] + part * (false[first] - false[first - 1])
    return metrics.auc(np.append(start, false[first:]), np.append(0.8, true[first:]))


@given(CASES)
def test_partial_areas_are_those_of_the_public_definitions(cases):
    labels, scores = arrays(cases)

    ours = ranking_scores(labels, scores)

    assert ours["pauc_isic2024"] == pytest.approx(kaggle(labels, scores), abs=1e-9)
    assert ours["pauc_isic_scorer"] == pytest.approx(scorer(labels, scores), abs=1e-9)


@pytest.mark.parametrize(
    ("scores", "challenge", "package"),
    [
        ([1, 2, 3, 4], 0.2, 1.0),
        ([4, 3, 2, 1], 0.0, 0.0),
        ([1, 1, 1, 1], 0.02, 0.18),  # the diagonal: a triangle of 0.2 by 0.2, and a trapezoid of 0.2 by (0.8 + 1) / 2
    ],
    ids=["perfect", "all the wrong way round", "chance"],
)
def test_partial_areas_of_curves_whose_area_is_plain(scores, challenge, package):
    ours = ranking_scores([0, 0, 1, 1], scores)

    assert ours["pauc_isic2024"] == pytest.approx(challenge, abs=1e-9)
    assert ours["pauc_isic_scorer"] == pytest.approx(package, abs=1e-9)


@given(CASES, st.sampled_from([90, 95]))
def test_rates_at_rates_are_the_best_of_all_thresholds_that_keep_the_other(cases, percent):
    labels, scores = arrays(cases)
    calls = [scores >= threshold for threshold in [*np.unique(scores), np.inf]]
    sensitivity = np.array([call[labels == 1].mean() for call in calls])
    false_alarms = np.array([call[labels == 0].sum() for call in calls])
    found = np.array([call[labels == 1].sum() for call in calls])
    benign, malignant = (labels == 0).sum(), (labels == 1).sum()

    ours = ranking_scores(labels, scores)

    specific = 100 * (benign - false_alarms) >= percent * benign
    sensitive = 100 * found >= percent * malignant
    assert ours[f"sensitivity_at_{percent}_specificity"] == pytest.approx(sensitivity[specific].max())
    assert ours[f"specificity_at_{percent}_sensitivity"] == pytest.approx(1 - false_alarms[sensitive].min() / benign)


def test_nine_of_ten_is_a_specificity_of_90_percent():
    labels = np.array([0] * 10 + [1])
    scores = np.array([*range(9), 20, 10])  # above the malignant case stands one benign of ten

    assert ranking_scores(labels, scores)["sensitivity_at_90_specificity"] == 1
    assert ranking_scores(labels, scores)["sensitivity_at_95_specificity"] == 0


def test_no_order_of_cases_with_equal_scores_changes_a_score():
    generator = np.random.default_rng(0)
    labels, scores = generator.integers(0, 2, 200), generator.integers(0, 5, 200)
    order = generator.permutation(200)

    assert ranking_scores(labels, scores) == pytest.approx(ranking_scores(labels[order], scores[order]))
