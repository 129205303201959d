"""Wilson's and DeLong's intervals, against worked examples, slow definitions and each other."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import roc_auc_score

from skinexp.evaluation import delong_interval, delong_test, grouped_wilson, wilson


def clustered(seed=0, groups=40):
    """Images of lesions, one to four each, some lesions with images of either label."""
    generator = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), generator.integers(1, 5, groups))
    label = (generator.random(len(group)) < 0.2 + 0.6 * (group % 2)).astype(int)
    lesion = generator.normal(size=groups)[group]
    return label, label + lesion + generator.normal(size=len(group)), label + lesion, group


def by_definition(labels, scores_a, scores_b, groups):
    """Obuchowski's covariance of two areas, component by component from all pairs of images."""
    areas, parts = [], []
    for scores in (scores_a, scores_b):
        malignant, benign = scores[labels == 1], scores[labels == 0]
        kernel = (malignant[:, None] > benign) + 0.5 * (malignant[:, None] == benign)
        area = kernel.mean()
        sums = [
            [(share - area)[groups[labels == label] == group].sum() for group in np.unique(groups)]
            for label, share in ((1, kernel.mean(axis=1)), (0, kernel.mean(axis=0)))
        ]
        areas.append(area)
        parts.append(np.array(sums))
    m, n = (labels == 1).sum(), (labels == 0).sum()
    with_malignant, with_benign = (len(np.unique(groups[labels == label])) for label in (1, 0))
    every = len(np.unique(groups))
    (x1, y1), (x2, y2) = parts
    s10 = with_malignant / (with_malignant - 1) / m * (x1 * x2).sum()
    s01 = with_benign / (with_benign - 1) / n * (y1 * y2).sum()
    s11 = every / (every - 1) * ((x1 * y2).sum() + (x2 * y1).sum())
    return areas, s10 / m + s01 / n + s11 / (m * n)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_that_of_scipy(counts):
    successes, trials = counts
    expected = binomtest(successes, trials).proportion_ci(0.95, method="wilson")

    assert wilson(successes, trials)[1:] == pytest.approx(expected, abs=1e-12)


@given(st.lists(st.integers(0, 1), min_size=1, max_size=60))
def test_where_each_image_is_a_group_grouping_changes_nothing(hits):
    assert grouped_wilson(hits, np.arange(len(hits))) == pytest.approx(wilson(sum(hits), len(hits)))


@pytest.mark.parametrize("hits", [[1, 0, 1, 1, 0, 1, 0, 1], [1] * 8, [0] * 8])
def test_images_shown_twice_are_no_more_evidence(hits):
    once = wilson(sum(hits), len(hits))

    twice = grouped_wilson(np.repeat(hits, 2), np.repeat(np.arange(len(hits)), 2))

    assert twice.estimate == once.estimate
    # but for g / (g - 1): the variance of a share is estimated from 8 groups
    assert twice.high - twice.low == pytest.approx(once.high - once.low, rel=0.07)
    assert twice.high - twice.low >= once.high - once.low - 1e-12


def test_a_share_of_all_has_a_width_and_one_of_nothing_is_nan():
    assert wilson(10, 10).low < 1
    assert all(map(math.isnan, wilson(0, 0)))
    assert all(map(math.isnan, grouped_wilson([], [])))


def test_images_of_a_single_group_are_one_witness():
    assert grouped_wilson([1, 1, 1, 0], ["a"] * 4) == pytest.approx(wilson(0.75, 1))


@pytest.mark.parametrize("grouped", [False, True])
def test_delong_is_its_slow_definition(grouped):
    labels, a, b, groups = clustered()
    a = np.round(a, 1)  # with ties
    names = groups if grouped else np.arange(len(labels))
    (area_a, area_b), covariance = by_definition(labels, a, b, names)
    variances = [by_definition(labels, scores, scores, names)[1] for scores in (a, b)]

    result = delong_test(labels, a, b, groups if grouped else None)

    assert (result.auc_a, result.auc_b) == pytest.approx((area_a, area_b))
    assert result.standard_error**2 == pytest.approx(sum(variances) - 2 * covariance)
    assert result.difference - result.low == pytest.approx(1.959964 * result.standard_error, rel=1e-6)
    interval = delong_interval(labels, a, groups if grouped else None)
    assert interval.estimate == pytest.approx(roc_auc_score(labels, a))
    wide = math.log(interval.high / (1 - interval.high)) - math.log(interval.low / (1 - interval.low))
    assert wide / 2 * area_a * (1 - area_a) == pytest.approx(1.959964 * math.sqrt(variances[0]), rel=1e-6)


def test_images_of_one_lesion_are_worth_less_than_independent_ones():
    _, _, lesions, groups = clustered()
    labels = groups % 2  # all images of a lesion have its label, and share what is hard about it
    a = lesions + labels + 0.3 * np.random.default_rng(0).normal(size=len(labels))
    independent, grouped = delong_interval(labels, a), delong_interval(labels, a, groups)

    assert grouped.high - grouped.low > 1.1 * (independent.high - independent.low)


def test_delong_of_every_image_shown_twice_is_delong_of_each_once():
    labels, a, _, _ = clustered()
    once = delong_interval(labels, a)

    twice = delong_interval(np.repeat(labels, 2), np.repeat(a, 2), np.repeat(np.arange(len(labels)), 2))

    assert twice == pytest.approx(once)


def test_a_model_that_parts_the_classes_is_not_certain():
    few = delong_interval([0, 0, 0, 1, 1, 1], [1, 2, 3, 4, 5, 6])
    many = delong_interval([0] * 300 + [1] * 300, np.arange(600))

    assert few.estimate == many.estimate == many.high == 1
    assert few.low == pytest.approx(wilson(3, 3).low)
    assert few.low < many.low < 1


def test_a_model_that_answers_all_images_alike_is_not_certain_either():
    few, many = (delong_interval([0, 1] * pairs, [0.3] * 2 * pairs) for pairs in (3, 300))

    assert few == pytest.approx(wilson(1.5, 3))
    assert few.low < many.low < 0.5 < many.high < few.high


@pytest.mark.parametrize("other", [[1] * 6, [6, 5, 4, 3, 2, 1]])
def test_a_difference_whose_error_no_image_shows_has_no_limits_and_no_p_value(other):
    result = delong_test([0, 0, 0, 1, 1, 1], [1, 2, 3, 4, 5, 6], other)

    assert result.difference > 0
    assert all(map(math.isnan, (result.low, result.high, result.p_value)))


@pytest.mark.parametrize("labels", [[0, 0, 1, 1], [0, 1, 0, 1]])
def test_limits_stay_within_0_and_1(labels):
    interval = delong_interval(labels, [0.1, 0.2, 0.15, 0.9])

    assert 0 <= interval.low <= interval.estimate <= interval.high <= 1


def test_a_class_of_a_single_group_shows_no_variance():
    interval = delong_interval([0, 0, 0, 1, 1], [1, 2, 5, 4, 6], ["a", "b", "c", "d", "d"])

    assert interval.estimate == pytest.approx(5 / 6)
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)


def test_the_same_scores_do_not_differ():
    labels, a, _, groups = clustered()

    result = delong_test(labels, a, 3 * a - 1, groups)

    assert (result.difference, result.standard_error, result.p_value) == (0, 0, 1)


def test_turning_a_and_b_round_turns_the_difference_round():
    labels, a, b, groups = clustered()
    forth, back = delong_test(labels, a, b, groups), delong_test(labels, b, a, groups)

    assert back.difference == -forth.difference
    assert back.low == pytest.approx(-forth.high)
    assert back.p_value == pytest.approx(forth.p_value)


def test_delong_finds_no_difference_as_often_as_it_says():
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1], [120, 60])
    shared = generator.normal(labels, 1, (400, 180))
    values = [
        delong_test(labels, one + generator.normal(size=180), one + generator.normal(size=180)).p_value
        for one in shared
    ]

    assert np.mean(np.array(values) < 0.05) == pytest.approx(0.05, abs=0.03)  # 2.7 standard errors of 400 studies


@pytest.mark.parametrize(("labels", "scores"), [([0, 0], [1, 2]), ([0, 1], [math.nan, 1]), ([], [])])
def test_what_has_no_area_has_no_interval(labels, scores):
    with pytest.warns(UndefinedMetricWarning, match="DeLong's interval is undefined"):
        assert all(map(math.isnan, delong_interval(labels, scores)))
    with pytest.warns(UndefinedMetricWarning, match="DeLong's test is undefined"):
        assert all(map(math.isnan, delong_test(labels, scores, scores)))


def test_an_image_without_a_group_is_refused():
    with pytest.raises(ValueError, match=r"groups: each image needs one.*Received: 1 without"):
        delong_interval([0, 1], [1, 2], ["a", None])


@pytest.mark.parametrize("share", [0.5, 0.97])
def test_the_share_of_grouped_images_is_held_as_often_as_promised(share):
    generator = np.random.default_rng(0)
    held, groups = 0, np.repeat(np.arange(300), 2)
    for _ in range(1_000):
        own, lesion = generator.random(600) < share, generator.random(300) < share
        hits = np.where((generator.random(300) < 0.5)[groups], lesion[groups], own)  # half of the lesions agree in all
        _, low, high = grouped_wilson(hits, groups)
        held += low <= share <= high

    assert 0.93 <= held / 1_000 <= 0.97


def test_the_first_lesion_with_two_right_images_hardly_changes_a_share():
    hits = np.r_[0, np.ones(99)]
    alone = grouped_wilson(hits, np.arange(100))

    paired = grouped_wilson(hits, np.r_[np.arange(99), 98])

    assert paired == pytest.approx(alone, abs=0.003)
