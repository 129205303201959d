"""Predictive values at another prevalence, against Bayes' rule and against simulated studies."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skinexp.evaluation import Interval, at_prevalence, net_benefit, threshold_scores, wilson

COUNTS = st.integers(1, 80).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def test_at_the_prevalence_of_the_test_set_they_are_its_own():
    generator = np.random.default_rng(0)
    labels = (generator.random(500) < 0.3).astype(int)
    probabilities = np.clip(generator.normal(0.3 + 0.3 * labels, 0.2), 0, 1)
    scores = threshold_scores(labels, probabilities, 0.4)
    rates = [wilson(scores[name] * n, n) for name, n in (("recall", labels.sum()), ("specificity", 500 - labels.sum()))]

    found = at_prevalence(*rates, labels.mean(), 0.4)

    assert found["ppv"].estimate == pytest.approx(scores["precision"])
    assert found["npv"].estimate == pytest.approx(scores["npv"])
    assert found["net_benefit"].estimate == pytest.approx(net_benefit(labels, probabilities, 0.4))


def test_bayes_rule_in_a_worked_example():
    # Of 1,000 lesions 10 are malignant; 9 of these and 99 of the 990 benign ones are called so.
    found = at_prevalence(wilson(90, 100), wilson(900, 1_000), 0.01, 0.1)

    assert found["ppv"].estimate == pytest.approx(9 / 108)
    assert found["npv"].estimate == pytest.approx(891 / 892)
    assert found["net_benefit"].estimate == pytest.approx(9 / 1_000 - 99 / 1_000 / 9)


@given(COUNTS, COUNTS, st.floats(0.001, 0.999))
def test_limits_stand_on_both_sides_of_the_estimate_and_in_range(found, spared, prevalence):
    values = at_prevalence(wilson(*found), wilson(*spared), prevalence, 0.2)

    for name, (estimate, low, high) in values.items():
        if not math.isnan(estimate):
            assert low <= estimate + 1e-12
            assert estimate <= high + 1e-12
            assert name == "net_benefit" or 0 <= low <= high <= 1


def test_no_false_alarm_in_the_test_set_is_no_certainty():
    ppv = at_prevalence(wilson(20, 40), wilson(60, 60), 0.01, 0.5)["ppv"]

    assert ppv.estimate == ppv.high == 1
    assert 0 < ppv.low < 0.5  # one false alarm in 60 would leave a ppv of 0.23


def test_where_nothing_is_called_malignant_there_is_no_ppv():
    assert math.isnan(at_prevalence(wilson(0, 40), wilson(60, 60), 0.01, 0.5)["ppv"].estimate)


@pytest.mark.parametrize(("sensitivity", "specificity", "images"), [(0.9, 0.8, 150), (0.8, 0.97, 150), (0.95, 0.6, 40)])
def test_limits_cover_the_truth_as_often_as_they_say(sensitivity, specificity, images):
    generator = np.random.default_rng(0)
    truth = {
        name: value.estimate
        for name, value in at_prevalence(Interval(sensitivity, 0, 1), Interval(specificity, 0, 1), 0.05, 0.1).items()
    }
    covered = dict.fromkeys(truth, 0)
    for _ in range(2_000):
        rates = [wilson(generator.binomial(images, rate), images) for rate in (sensitivity, specificity)]
        for name, (_, low, high) in at_prevalence(*rates, 0.05, 0.1).items():
            covered[name] += low <= truth[name] <= high

    assert all(0.93 <= times / 2_000 <= 0.975 for times in covered.values()), covered


@pytest.mark.parametrize("prevalence", [0, 1, -0.1, math.nan])
def test_a_prevalence_that_is_none_is_refused(prevalence):
    with pytest.raises(ValueError, match=r"prevalence: must lie between 0 and 1\. Received"):
        at_prevalence(wilson(1, 2), wilson(1, 2), prevalence, 0.5)
