"""Resamples: that a weighting is what it stands for, and that intervals come of them as they should."""

import math

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import norm
from sklearn.exceptions import UndefinedMetricWarning

from skinexp.evaluation import (
    Resampling,
    bootstrap,
    delong_interval,
    net_benefit,
    precision_recall_points,
    probability_scores,
    ranking_scores,
    roc_points,
    threshold_scores,
)
from skinexp.evaluation.intervals.bootstrap import score_limits, tail
from skinexp.evaluation.intervals.resampling import group_weights
from skinexp.evaluation.metrics.weighted_metrics import RATES, RECALLS, Scorer


def study(images=300, seed=0, ties=False):
    generator = np.random.default_rng(seed)
    groups = generator.integers(0, images // 2, images)
    labels = (generator.random(images) < 0.3).astype(int)
    logits = generator.normal(2 * labels - 1.5, 1.2)
    logits = np.round(logits) if ties else logits
    return labels, logits, expit(logits), groups


def plain_scores(labels, logits, probabilities, threshold):
    return {
        **ranking_scores(labels, logits),
        **probability_scores(labels, probabilities),
        **threshold_scores(labels, probabilities, threshold),
        "net_benefit": net_benefit(labels, probabilities, threshold),
    }


@pytest.mark.parametrize("ties", [False, True])
def test_a_weighting_scores_as_its_images_written_out(ties):
    labels, logits, probabilities, _ = study(ties=ties)
    weights = np.random.default_rng(1).integers(0, 4, (6, len(labels))).astype(float)

    together = Scorer(labels, logits, probabilities, {"": 0.4})(weights)

    for row, weight in enumerate(weights.astype(int)):
        written_out = [np.repeat(column, weight) for column in (labels, logits, probabilities)]
        expected = plain_scores(*written_out, 0.4)
        found = {name: together[name][row] for name in expected}
        assert found == pytest.approx(expected, rel=1e-6, nan_ok=True)


def test_curves_of_a_weighting_are_those_of_its_images_written_out():
    labels, logits, probabilities, _ = study(ties=True)
    weights = np.random.default_rng(1).integers(0, 3, (1, len(labels)))
    written_out = [np.repeat(column, weights[0]) for column in (labels, logits)]

    _, sensitivities, precisions = Scorer(labels, logits, probabilities, {}).with_curves(weights.astype(float))

    roc, recall_curve = roc_points(*written_out), precision_recall_points(*written_out)
    assert sensitivities[0] == pytest.approx(np.interp(RATES, roc.false_positive_rate, roc.sensitivity))
    first = [int(np.argmax(recall_curve.recall >= recall - 1e-9)) for recall in RECALLS]
    assert precisions[0] == pytest.approx(recall_curve.precision[first])


def test_estimates_are_the_scores_of_the_study_itself():
    labels, logits, probabilities, groups = study()

    result = bootstrap(labels, logits, probabilities, groups, {"": 0.5, "_low": 0.2}, resampling=Resampling(50))

    estimates = {name: interval.estimate for name, interval in result.intervals.items()}
    at_low = threshold_scores(labels, probabilities, 0.2) | {"net_benefit": net_benefit(labels, probabilities, 0.2)}
    expected = plain_scores(labels, logits, probabilities, 0.5) | {f"{name}_low": at_low[name] for name in at_low}
    assert estimates == pytest.approx(expected, rel=1e-6)


def test_groups_are_drawn_whole_and_as_many_of_each_kind_as_there_are():
    labels, *_, groups = study()
    malignant = np.isin(groups, groups[labels == 1])

    weights = np.concatenate(list(group_weights(labels, groups, resamples=40, seed=3)))

    assert weights.shape == (40, len(labels))
    for group in np.unique(groups):
        assert (np.ptp(weights[:, groups == group], axis=1) == 0).all()
    one_of_each = [int(np.argmax(groups == group)) for group in np.unique(groups)]
    drawn = weights[:, one_of_each]
    of_kind = malignant[one_of_each]
    assert (drawn[:, of_kind].sum(axis=1) == of_kind.sum()).all()
    assert (drawn[:, ~of_kind].sum(axis=1) == (~of_kind).sum()).all()


def test_chunks_change_no_resample(monkeypatch):
    labels, *_, groups = study()
    together = np.concatenate(list(group_weights(labels, groups, 30, seed=1)))
    counts = np.bincount(together.astype(int).ravel())

    again = np.concatenate(list(group_weights(labels, groups, 30, seed=1)))
    other = np.concatenate(list(group_weights(labels, groups, 30, seed=2)))

    assert (together == again).all()
    assert (together != other).any()
    assert counts[0] / counts.sum() == pytest.approx(math.exp(-1), abs=0.03)  # share of images not drawn


def test_memory_is_bounded_by_chunks():
    chunks = [len(weights) for weights in group_weights([0, 1] * 5_000, np.arange(10_000), 50, seed=0)]

    assert max(chunks) * 10_000 <= 200_000
    assert sum(chunks) == 50


def test_the_same_seed_gives_the_same_numbers():
    cases = study()
    intervals = [bootstrap(*cases, {"": 0.5}, resampling=Resampling(60, seed)).intervals for seed in (5, 5, 6)]

    assert intervals[0] == intervals[1]
    assert intervals[0] != intervals[2]


def test_intervals_of_an_area_agree_with_delong():
    labels, logits, probabilities, groups = study(images=2_000)

    ours = bootstrap(labels, logits, probabilities, groups, {}).intervals["roc_auc"]

    assert ours[1:] == pytest.approx(delong_interval(labels, logits, groups)[1:], abs=0.003)


def test_images_of_one_group_make_intervals_wider():
    labels, logits, probabilities, _ = study()
    images, five_each = np.arange(5 * 300), np.repeat(np.arange(300), 5)
    repeated = [np.repeat(column, 5) for column in (labels, logits, probabilities)]

    width = {}
    for name, groups in (("independent", images), ("grouped", five_each)):
        interval = bootstrap(*repeated, groups, {"": 0.5}, resampling=Resampling(300)).intervals["recall"]
        width[name] = interval.high - interval.low

    assert width["grouped"] / width["independent"] == pytest.approx(math.sqrt(5), rel=0.2)


def test_bands_hold_the_curve_and_end_where_it_ends():
    result = bootstrap(*study(), {}, resampling=Resampling(200))
    roc, precision_recall = result.roc_band, result.precision_recall_band

    assert ((roc["low"] <= roc["sensitivity"]) & (roc["sensitivity"] <= roc["high"])).mean() > 0.95
    assert roc.iloc[-1][["sensitivity", "low", "high"]].tolist() == [1, 1, 1]
    assert precision_recall["high"].between(0, 1).all()
    inside = precision_recall["precision"].between(precision_recall["low"], precision_recall["high"])
    assert inside.mean() > 0.9


def test_a_score_that_most_resamples_lack_has_no_interval():
    labels, logits, probabilities, groups = study()
    above_all_but_one = np.sort(probabilities)[-2:].mean()

    result = bootstrap(labels, logits, probabilities, groups, {"": above_all_but_one}, resampling=Resampling(200))

    assert 0.2 < np.isnan(result.replicates["precision"]).mean() < 0.6  # that image is not drawn in a third
    assert (
        result.intervals["precision"].estimate
        == threshold_scores(labels, probabilities, above_all_but_one)["precision"]
    )
    assert math.isnan(result.intervals["precision"].low)
    assert result.intervals["recall"].low == 0


@pytest.mark.parametrize("answers", ["all right", "all alike"])
def test_a_score_that_all_resamples_share_has_no_limits(answers):
    labels = np.repeat([0, 1], 12)
    logits = np.where(labels == 1, 2.0, -2.0) if answers == "all right" else np.full(24, -0.3)

    found = bootstrap(labels, logits, expit(logits), np.arange(24), {"": 0.5}, resampling=Resampling(100)).intervals

    estimates = plain_scores(labels, logits, expit(logits), 0.5)
    for name, interval in found.items():
        assert interval == pytest.approx((estimates[name], math.nan, math.nan), nan_ok=True), name


def test_the_percentiles_of_scores_that_vary_stay():
    labels = np.repeat([0, 1], 12)
    logits = np.where(labels == 1, 1.0, -1.0) * np.linspace(20, 30, 24)  # all right, and almost certain

    found = bootstrap(labels, logits, expit(logits), np.arange(24), {"": 0.5}, resampling=Resampling(100)).intervals

    assert found["log_loss"].low < found["log_loss"].estimate < found["log_loss"].high < 1e-8
    assert math.isnan(found["recall"].low)


@pytest.mark.parametrize("wrong", ["one class", "not finite"])
def test_what_cannot_be_scored_has_no_intervals(wrong):
    labels, logits, probabilities, groups = study()
    labels = labels * (wrong != "one class")
    logits = np.where(wrong == "not finite", np.nan, logits)

    with pytest.warns(UndefinedMetricWarning, match="every bootstrap interval is undefined"):
        result = bootstrap(labels, logits, probabilities, groups, {"": 0.5}, resampling=Resampling(10))

    assert result.intervals == {}
    assert result.roc_band["sensitivity"].isna().all()


def test_no_resamples_are_refused():
    with pytest.raises(ValueError, match=r"resamples: must be at least 1\. Received: 0"):
        bootstrap(*study(), {}, resampling=Resampling(0))


def test_few_groups_put_the_limits_further_out():
    labels = np.repeat([0, 1], 300)

    few, many = tail(labels, np.repeat(np.arange(10), 60)), tail(labels, np.arange(600))

    # Five groups of either kind: t of 4 degrees of freedom is 2.776, and resamples of 5 vary by 4/5 of the truth.
    assert few == pytest.approx(norm.sf(2.7764 * math.sqrt(5 / 4)), rel=1e-3)
    assert few < many < 0.025
    assert many == pytest.approx(0.025, rel=0.03)


def test_an_interval_without_a_width_is_none():
    labels = np.repeat([0, 1], [400, 40])
    logits = labels + 0.001 * np.arange(440)
    logits[0] = 5.0  # one benign image above all others: one resample in three has it not

    found = bootstrap(labels, logits, expit(logits), np.arange(440), {"": 0.5}, resampling=Resampling(200)).intervals

    assert not [name for name, (_, low, high) in found.items() if low == high]


def test_percentiles_that_agree_though_a_few_resamples_differ_are_no_limits():
    replicates = np.ones(1_000)
    replicates[:3] = 0.9
    assert all(map(math.isnan, score_limits(1.0, replicates, 0.025)))
