"""Runs beside each other in pairs: SciPy-checked tests, put into rows of words, and refused where images differ."""

import dataclasses
import math
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from skinexp.comparison.pairwise import Pairs, lines, pair, same_test_images
from skinexp.evaluation import EvaluationOptions, delong_test, evaluate, holm
from skinexp.runs.run_summary import RunRecord

IMAGES = 200


def run(name: str, signal: float, seed: int = 0, images: int = IMAGES, **entries: object) -> RunRecord:
    """A run on the same images as the others, whose logits differ by so many standard deviations between classes."""
    shared, own = np.random.default_rng(99), np.random.default_rng(seed)
    label, split = np.tile([0, 1], images), np.repeat(["val", "test"], images)
    logit = signal * (label - 0.5) + 0.8 * shared.normal(size=label.size) + 0.6 * own.normal(size=label.size)
    table = pd.DataFrame({"image_id": range(2 * images), "split": split, "label": label, "logit": logit})
    table = table.assign(probability=expit(logit))
    result = {
        "metrics": evaluate(table, EvaluationOptions(resamples=20)).metrics,
        "test_digest": "same",
        "config": {},
    } | entries
    return RunRecord(name, "finished", Path(name), result, predictions=table)


def test_the_table_holds_delong_s_test_of_each_pair_the_better_run_first():
    runs = [run("weak", 0.5, 1), run("best", 2.5, 2), run("good", 1.5, 3)]
    found = pair(runs)
    assert list(found.table[["a", "b"]].itertuples(index=False, name=None)) == [
        *combinations(["best", "good", "weak"], 2)
    ]
    by_name = {record.name: record.test for record in runs}
    expected = [delong_test(by_name[a]["label"], by_name[a]["logit"], by_name[b]["logit"]) for a, b in
                combinations(["best", "good", "weak"], 2)]  # fmt: skip
    assert found.table["difference"].tolist() == pytest.approx([each.difference for each in expected])
    assert found.table["p_holm"].tolist() == pytest.approx(list(holm([each.p_value for each in expected])))
    assert found.correction == ", Holm-corrected over 3 pairs"


def test_a_row_says_in_words_whether_a_pair_is_told_apart():
    ((apart,), _) = lines(pair([run("best", 2.5, 1), run("weak", 0.5, 2)]))
    assert (apart.a, apart.b, apart.told_apart, apart.p_value) == ("best", "weak", True, "< .001")
    assert apart.areas == "told apart"
    ((alike,), _) = lines(pair([run("one", 1.5, 3), run("other", 1.5, 4)]))
    assert not alike.told_apart
    assert alike.areas == "not told apart"
    assert alike.limits.startswith("-") or alike.difference.startswith("-")


def test_a_pair_that_cannot_be_tested_is_not_called_the_same():
    best, flat = run("best", 100.0, 1), run("flat", 1.0, 2)
    flat = dataclasses.replace(flat, predictions=flat.predictions.assign(logit=0.0, probability=0.5))
    ((line,), _) = lines(pair([best, flat]))
    assert (line.p_value, line.areas, line.limits, line.told_apart) == ("n/a", "not tested", "", False)


def test_counts_are_of_images_that_one_run_alone_calls_right():
    runs = [run("best", 2.5, 1), run("weak", 0.5, 2)]
    right = [(record.test["probability"] >= 0.5) == (record.test["label"] == 1) for record in runs]
    ((line,), _) = lines(pair(runs))
    assert line.only_right == f"{(right[0] & ~right[1]).sum()} : {(~right[0] & right[1]).sum()}"


def test_many_pairs_are_folded_but_for_those_of_the_best_run():
    shown, folded = lines(pair([run(str(number), 0.5 + 0.3 * number, number, images=60) for number in range(7)]))
    assert len(shown) == 6
    assert len({line.a for line in shown}) == 1
    assert len(folded) == 15


def test_runs_on_different_images_are_refused_with_the_digests_that_differ():
    runs = [run("here", 1.0), run("elsewhere", 1.0, test_digest="other"), run("there", 1.0, test_digest="other")]
    found = pair(runs)
    assert not same_test_images(runs)
    assert found.table.empty
    assert found.refusal == (
        "No test can pair runs whose test images have different digests: same (here), other (elsewhere and 1 more)."
    )


def test_predictions_of_other_images_are_refused_though_the_results_say_nothing_of_it():
    runs = [run("here", 1.0), run("fewer", 1.0, images=60)]
    found = pair(runs)
    assert found.table.empty
    assert "here and fewer were tested on different images" in found.refusal or "fewer and here" in found.refusal


def test_a_run_whose_logits_are_not_finite_has_pairs_without_numbers():
    broken = run("broken", 1.0)
    table = broken.predictions.assign(logit=math.nan, probability=math.nan)
    ((line,), _) = lines(pair([run("fine", 2.0), dataclasses.replace(broken, predictions=table)]))
    assert (line.p_value, line.only_right, line.told_apart, line.limits) == ("n/a", "n/a", False, "")


def test_one_run_alone_or_runs_without_predictions_have_no_pairs():
    alone = run("alone", 1.0)
    bare = dataclasses.replace(run("bare", 1.0), predictions=None)
    for runs in ([alone], [alone, bare]):
        found = pair(runs)
        assert (len(found.table), found.refusal, lines(found)) == (0, "", ([], []))
    assert Pairs().between("a", "b") is None
