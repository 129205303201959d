"""Thresholds by rule: against all thresholds that there are."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.exceptions import UndefinedMetricWarning

from skinexp.evaluation import choose_threshold, confusion_counts, parse_rule, threshold_scores, youden_threshold

PROBABILITIES = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), st.floats(0, 1))
CASES = st.lists(st.tuples(st.integers(0, 1), PROBABILITIES), min_size=2, max_size=40)


def arrays(cases):
    labels, probabilities = np.array(cases).T
    assume(len(set(labels)) == 2)
    return labels.astype(int), probabilities


def all_calls(labels, probabilities):
    """Confusion counts of every way in which a threshold can part the cases."""
    return [confusion_counts(labels, probabilities, at) for at in [*np.unique(probabilities), 2.0]]


@given(CASES, st.integers(1, 100))
def test_a_least_sensitivity_is_kept_with_the_best_specificity_that_goes_with_it(cases, percent):
    labels, probabilities = arrays(cases)

    threshold = choose_threshold(f"sensitivity>={percent / 100}", labels, probabilities)

    (spared, _), (missed, found) = confusion_counts(labels, probabilities, threshold)
    assert 100 * found >= percent * (found + missed)
    assert spared == max(c[0, 0] for c in all_calls(labels, probabilities) if 100 * c[1, 1] >= percent * c[1].sum())


@given(CASES, st.integers(1, 100))
def test_a_least_specificity_is_kept_with_the_best_sensitivity_that_goes_with_it(cases, percent):
    labels, probabilities = arrays(cases)

    threshold = choose_threshold(f"specificity >= {percent / 100}", labels, probabilities)

    (spared, false), (_, found) = confusion_counts(labels, probabilities, threshold)
    assert 100 * spared >= percent * (spared + false)
    assert found == max(c[1, 1] for c in all_calls(labels, probabilities) if 100 * c[0, 0] >= percent * c[0].sum())


@given(CASES, st.sampled_from(["0.1", "1", "2.5", "10", "1000"]))
def test_no_threshold_costs_less_than_the_one_chosen_by_cost(cases, ratio):
    labels, probabilities = arrays(cases)

    def cost(counts):
        return float(ratio) * counts[1, 0] + counts[0, 1]

    threshold = choose_threshold(f"cost={ratio}", labels, probabilities)

    cheapest = min(cost(counts) for counts in all_calls(labels, probabilities))
    assert cost(confusion_counts(labels, probabilities, threshold)) == pytest.approx(cheapest)


def test_the_dearer_a_missed_malignant_the_lower_the_threshold():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 500)
    probabilities = np.clip(generator.normal(0.4 + 0.2 * labels, 0.2), 0, 1)

    chosen = [choose_threshold(f"cost={ratio}", labels, probabilities) for ratio in (0.1, 1, 10, 100)]

    assert chosen == sorted(chosen, reverse=True)
    assert chosen[0] > chosen[-1]


@pytest.mark.parametrize("rule", ["youden", "sensitivity>=1", "specificity>=1", "cost=1"])
def test_a_threshold_stands_halfway_between_two_scores(rule):
    assert choose_threshold(rule, [0, 0, 1, 1], [0.1, 0.3, 0.7, 0.9]) == pytest.approx(0.5)


def test_of_equal_costs_the_lowest_threshold_is_chosen():
    # One malignant below one benign: calling both or neither costs one false alarm or one missed.
    assert choose_threshold("cost=1", [1, 0], [0.2, 0.8]) == pytest.approx(0.1)


def test_nine_of_ten_is_a_sensitivity_of_90_percent():
    labels, probabilities = [0] + [1] * 10, [0.15, 0.1, *np.linspace(0.5, 0.9, 9)]

    threshold = choose_threshold("sensitivity>=0.9", labels, probabilities)

    assert threshold_scores(labels, probabilities, threshold)["recall"] == 0.9


@pytest.mark.parametrize("highest", [0.9, np.nextafter(1, 0), 1.0])
def test_a_rule_that_nothing_may_be_called_malignant_by_gives_a_threshold_above_all_scores(highest):
    threshold = choose_threshold("specificity>=1", [0, 1], [highest, 0.5])

    assert math.isfinite(threshold)
    assert threshold > highest


def test_youden_and_numbers_are_rules_too():
    labels, probabilities = [0, 1, 0, 1], [0.1, 0.4, 0.5, 0.9]

    assert choose_threshold("youden", labels, probabilities) == youden_threshold(labels, probabilities)
    assert choose_threshold("0.3", labels, probabilities) == choose_threshold(0.3, labels, probabilities) == 0.3
    assert choose_threshold("0.3", [0, 0], [0.1, 0.2]) == 0.3  # a number needs no cases


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("yuden", r"must be one of youden, .* Received: 'yuden'"),
        ("sensitivity>0.9", r"must be one of .* Received: 'sensitivity>0\.9'"),
        ("sensitivity>=high", r"must be one of .* Received: 'sensitivity>=high'"),
        ("sensitivity>=90", r"sensitivity: must lie above 0 and be at most 1\. Received: 'sensitivity>=90'"),
        ("specificity>=0", r"specificity: must lie above 0"),
        ("cost=0", r"cost: must be above 0\. Received: 'cost=0'"),
        ("cost=-3", r"cost: must be above 0"),
        ("cost=nan", r"must be one of .* Received: 'cost=nan'"),
        ("1/3", r"must be one of .* Received: '1/3'"),
        ("1.5", r"a threshold is a probability, 0 to 1\. Received: '1\.5'"),
        ("", r"must be one of .* Received: ''"),
        (math.nan, r"must be one of .* Received: nan"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_as_it_was_written(rule, message):
    with pytest.raises(ValueError, match=message):
        parse_rule(rule)


@pytest.mark.parametrize("rule", ["youden", "sensitivity>=0.9", "specificity>=0.9", "cost=10"])
def test_without_two_classes_there_is_no_threshold(rule):
    with pytest.warns(UndefinedMetricWarning, match="only benign images"):
        assert math.isnan(choose_threshold(rule, [0, 0], [0.1, 0.9]))


@pytest.mark.parametrize(("typed", "written"), [("sensitivity:0.9", "sensitivity>=0.9"), ("cost:10", "cost=10")])
def test_a_rule_may_be_typed_without_what_a_command_line_would_have_quoted(typed, written):
    assert parse_rule(typed) == parse_rule(written)
