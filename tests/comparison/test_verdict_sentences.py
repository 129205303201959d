"""What a comparison says first: which run separates best, from which it is not told apart, which is broken and why."""

import dataclasses
import math
import re

import pandas as pd
import pytest

from skinexp.comparison import verdict as verdicts
from skinexp.comparison.pairwise import PairwiseTests
from skinexp.comparison.seed_summary import repeated_configurations
from skinexp.evaluation import auc_interval, delong_test
from skinexp.report.pages.score_table import tables
from tests.comparison.test_pairwise import pair, run
from tests.report.runs import changed


def flat(record):
    """The run with one answer to all images."""
    metrics = record.metrics | {"test/predicted_positive": 0.0, "test/logit_std": 1e-4, "test/accuracy": 0.5}
    return changed(record, metrics=metrics)


def ill(record, cause="wrong_input_range", cure="model.input_scaling=contract"):
    health = {"verdict": "collapsed", "cause": cause, "cure": cure}
    return changed(record, health=health)


def three(value: float) -> str:
    return f"{value:.3f}"


def verdict(runs, pairs=None):
    return list(verdicts.verdict(runs, pairs or pair(runs), repeated_configurations(runs)).sentences)


def test_a_wide_lead_is_told_with_its_interval_and_the_test():
    best, weak = run("best", 2.5, 1), run("weak", 0.5, 2)
    test = best.test
    area, low, high = auc_interval(test["label"], test["logit"])
    ahead = delong_test(test["label"], test["logit"], weak.test["logit"])
    assert verdict([weak, best])[0] == (
        f"best has the highest test ROC-AUC, {three(area)} (95 % CI {three(low)} to {three(high)}, Newcombe); it is "
        f"significantly higher than that of weak (difference {three(ahead.difference)}, 95 % CI {three(ahead.low)} to "
        f"{three(ahead.high)}; p < 0.001, DeLong)."
    )


def test_runs_within_chance_are_not_significantly_different_and_those_beyond_it_are():
    runs = [run("one", 1.5, 3), run("two", 1.5, 4), run("three", 1.5, 5), run("weak", 0.2, 6)]
    first, *others = verdict(runs)
    assert "it is not significantly different from that of" in first
    assert re.search(
        r"\(difference 0\.\d{3}, 95 % CI -0\.\d{3} to 0\.\d{3}; p = [01]\.\d+, DeLong, Holm-adjusted for 6 pairs\)",
        first,
    )
    assert others[0].startswith("The test ROC-AUC of ")
    assert others[1].endswith(" is significantly higher than that of weak.")


@pytest.mark.parametrize("at", [0, 1])
def test_a_pair_that_cannot_be_tested_is_neither_significantly_different_nor_the_same(at):
    others = ["next", "last"]
    row = {"a": "best", "difference": 0.01, "low": -0.01, "high": 0.03, "p_value": 0.3, "p_holm": 0.3}
    unknown = dict.fromkeys(("low", "high", "p_value", "p_holm"), math.nan)
    rows = [row | {"b": name} | (unknown if place == at else {}) for place, name in enumerate(others)]
    told = " ".join(verdict([run("best", 2.5), run("next", 2.0), run("last", 1.5)], PairwiseTests(pd.DataFrame(rows))))
    if at == 0:
        assert "cannot be tested for significance" in told
    else:
        assert "not significantly different from that of next" in told
        assert "Whether it is higher than that of last could not be tested." in told


def test_a_single_run_is_told_with_its_interval():
    (sentence,) = verdict([run("only", 1.5)])
    assert re.fullmatch(
        r"only has a test ROC-AUC of 0\.\d{3} \(95 % CI 0\.\d{3} to 0\.\d{3}, Newcombe\) on 200 test images\.", sentence
    )


def test_a_lead_that_cannot_be_tested_is_not_called_more_than_chance():
    bare = [dataclasses.replace(run(name, signal), predictions=None) for name, signal in (("a", 0.5), ("b", 2.5))]
    assert "DeLong's test needs the predictions of both runs" in verdict(bare)[0]
    assert "share the highest test ROC-AUC" in verdict([bare[0], dataclasses.replace(bare[0], name="c")])[0]


def test_a_pair_that_is_refused_is_told_with_the_reason():
    two = [run("a", 2.5), run("b", 0.5, 1)]
    grouped = [
        dataclasses.replace(one, predictions=one.predictions.assign(group=one.predictions["image_id"] // size))
        for one, size in zip(two, (2, 4), strict=True)
    ]
    (sentence,) = verdict(grouped)
    assert "because the runs cannot be compared: a and b put the same images into different gr" in sentence
    assert "needs the predictions" not in sentence


def test_areas_that_no_test_can_pair_are_told_with_what_the_test_needs():
    row = {"a": "best", "b": "next", "p_value": math.nan, "p_holm": math.nan}
    sentence, *_ = verdict([run("best", 2.5), run("next", 2.0)], PairwiseTests(pd.DataFrame([row])))
    assert "cannot be tested for significance" in sentence


def test_runs_that_share_the_highest_area_stand_in_one_order_and_a_third_is_told_of():
    runs = [run("a", 90.0), run("b", 90.0, 1), run("c", 0.5, 2)]
    assert [one.roc_auc for one in runs[:2]] == [1, 1]
    sentences = verdict(runs)
    assert sentences[0].startswith("a has the highest test ROC-AUC, 1.000 (95 % CI 0.980 to 1.000, Newcombe), but")
    assert "The test ROC-AUC of a is significantly higher than that of c." in sentences
    (scores, *_) = tables(runs, comparable=True)
    assert [record.name for record, _ in scores.rows] == ["a", "b", "c"]


def test_where_nothing_can_be_tested_those_behind_a_tie_are_told_too():
    bare = [dataclasses.replace(run(name, signal), predictions=None) for name, signal in (("a", 90.0), ("b", 90.0))]
    third = dataclasses.replace(run("c", 0.5), predictions=None)
    sentence, *_ = verdict([*bare, third])
    assert sentence.startswith(f"a and b share the highest test ROC-AUC, 1.000; c follows with {three(third.roc_auc)}.")


def test_a_collapsed_run_is_named_with_cause_and_cure_and_what_its_accuracy_is_worth():
    sentences = verdict([run("best", 2.5), ill(flat(run("dull", 0.3, 1)))])
    assert sentences[-1] == (
        "dull has collapsed (wrong input range, cure: model.input_scaling=contract). It predicts benign for every "
        "image: its accuracy of 0.500 is the share of benign images."
    )


def test_a_collapsed_run_is_not_the_best_while_another_stands():
    sentences = verdict([ill(run("dull", 2.5)), run("modest", 0.8, 1)])
    assert sentences[0].startswith("modest has a test ROC-AUC of")


@pytest.mark.parametrize("has_cause", [True, False])
def test_many_collapsed_runs_are_counted_by_cause_instead_of_named(has_cause):
    runs = [ill(run(name, 0.3), *([] if has_cause else [None, None])) for name in "abcd"]
    cause = " (wrong input range, cure: model.input_scaling=contract)" if has_cause else ""
    assert verdict([*runs, run("e", 2.0)])[-1] == f"4 of the 5 finished runs have collapsed{cause}."


def test_causes_that_differ_are_counted_apart():
    runs = [ill(run(name, 0.3)) for name in "abc"] + [ill(run("d", 0.3), "dead_units", None)]
    assert verdict(runs)[-1] == (
        "4 of the 4 finished runs have collapsed: 3 (wrong input range, cure: model.input_scaling=contract), 1 "
        "(dead units)."
    )


def test_repeated_seeds_are_told_before_single_runs():
    runs = [
        run(f"model={model} seed={seed}", signal + 0.1 * seed, seed, config={"model": {"name": model}, "seed": seed})
        for model, signal in (("scratch", 0.8), ("mobilenet", 2.4))
        for seed in range(3)
    ]
    sentences = verdict(runs)
    assert sentences[0].startswith("Over 3 seeds, model=mobilenet has a mean test ROC-AUC of 0.")
    assert "significantly higher than that of model=scratch (mean difference" in sentences[0]
    assert "t-test over seeds and test images, 3 seeds)" in sentences[0]
    assert sentences[1].startswith("The single run with the highest test ROC-AUC is model=mobilenet seed=")
