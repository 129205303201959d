"""Predictive values at another prevalence, against Bayes' rule and against simulated studies."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skinexp.evaluation import (
    Calibrator,
    EvaluationOptions,
    Interval,
    OperatingPoint,
    at_prevalence,
    decision_curve,
    evaluate,
    net_benefit,
    probabilities_at_prevalence,
    threshold_scores,
    wilson,
)

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


def test_a_probability_of_an_enriched_set_is_a_small_risk_in_practice():
    # Odds of .452 are .825; those of 49 % and 2 % are .961 and .0204: .825 * .0204 / .961 = .0175.
    assert probabilities_at_prevalence(0.452, 0.49, 0.02) == pytest.approx(0.0172, abs=5e-5)


@given(st.floats(0, 1), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_a_shift_there_and_back_is_none(probability, reference, prevalence):
    there = probabilities_at_prevalence(probability, reference, prevalence)
    assert probabilities_at_prevalence(there, prevalence, reference) == pytest.approx(probability, abs=1e-9)


@pytest.mark.parametrize("reference", [0.0, 1.0, math.nan])
def test_without_a_prevalence_to_shift_from_there_is_no_risk(reference):
    assert math.isnan(probabilities_at_prevalence(0.4, reference, 0.02))


def test_a_threshold_that_nothing_reaches_stays_one():
    assert probabilities_at_prevalence(math.nextafter(1.0, 2.0), 0.5, 0.02) > 1


def enriched(images=4_000, seed=0):
    """Calibrated probabilities of a good model, half of the images malignant."""
    generator = np.random.default_rng(seed)
    labels = np.arange(images) % 2
    seen = 2.0 * (labels - 0.5) + generator.normal(size=images)
    return labels, 1 / (1 + np.exp(-2.0 * seen))  # log odds of both normal distributions


def predictions(images, seed=0):
    """The same as a table, half of it for validation."""
    labels, probabilities = enriched(images, seed)
    logits = np.log(probabilities) - np.log1p(-probabilities)
    split = np.where(np.arange(images) % 4 < 2, "val", "test")
    return pd.DataFrame({"split": split, "label": labels, "logit": logits, "probability": probabilities})


def test_net_benefit_at_a_prevalence_keeps_its_sign_in_ten_of_ten_sets():
    for seed in range(10):
        metrics = evaluate(predictions(600, seed), EvaluationOptions(prevalence=0.02, resamples=20)).metrics

        assert metrics["test/net_benefit_chosen"] > 0
        assert metrics["test/net_benefit_at_prevalence"] > 0
        assert metrics["threshold/chosen_at_prevalence"] < 0.1 < metrics["threshold/chosen"]


def test_a_decision_curve_at_a_prevalence_is_that_of_a_population_with_it():
    labels, probabilities = enriched(200_000)
    rare = (labels == 0) | (np.arange(len(labels)) % 98 == 1)  # one malignant for 49 benign ones
    share = float(labels[rare].mean())

    curve = decision_curve(labels, probabilities, [0.02, 0.05, 0.2], prevalence=share)
    population = decision_curve(
        labels[rare], probabilities_at_prevalence(probabilities[rare], 0.5, share), [0.02, 0.05, 0.2]
    )

    assert curve["model"].tolist() == pytest.approx(population["model"].tolist(), abs=1e-3)
    assert curve["treat_all"].tolist() == pytest.approx(population["treat_all"].tolist())
    assert curve["model"].min() > 0


def test_a_cost_rule_has_the_net_benefit_at_its_own_price():
    table = predictions(800)

    result = evaluate(table, EvaluationOptions("cost:10", prevalence=0.05, resamples=20))

    test = table[table["split"] == "test"]
    called = test["probability"] >= result.operating_threshold
    found, alarmed = (float(called[test["label"] == label].mean()) for label in (1, 0))
    assert result.metrics["test/net_benefit_chosen"] == pytest.approx(0.5 * found - 0.5 * alarmed / 10)
    assert result.metrics["test/net_benefit_at_prevalence"] == pytest.approx(0.05 * found - 0.95 * alarmed / 10)


def test_a_stated_risk_threshold_is_the_price_of_every_net_benefit():
    table = predictions(800)

    metrics = evaluate(table, EvaluationOptions(prevalence=0.02, resamples=20, risk_threshold=0.2)).metrics

    for suffix, share in (("", 0.5), ("_chosen", 0.5), ("_at_prevalence", 0.02)):
        of = "_chosen" if suffix else ""
        expected = share * metrics[f"test/recall{of}"] - (1 - share) * (1 - metrics[f"test/specificity{of}"]) * 0.25
        assert metrics[f"test/net_benefit{suffix}"] == pytest.approx(expected)


@pytest.mark.parametrize("risk", [0, 1, math.nan])
def test_a_risk_threshold_that_is_no_risk_is_refused(risk):
    with pytest.raises(ValueError, match=r"risk threshold: must lie between 0 and 1\. Received"):
        EvaluationOptions(risk_threshold=risk)


def test_an_operating_point_of_unknown_origin_has_no_net_benefit_at_a_prevalence():
    table = predictions(400)
    options = EvaluationOptions(prevalence=0.02, resamples=20)

    unknown = evaluate(table, options, OperatingPoint(0.4, Calibrator())).metrics
    known = evaluate(table, options, OperatingPoint(0.4, Calibrator(), 0.5)).metrics

    assert math.isnan(unknown["test/net_benefit_at_prevalence"])
    assert unknown["test/ppv_at_prevalence"] == known["test/ppv_at_prevalence"]
    assert known["test/net_benefit_at_prevalence"] > 0
