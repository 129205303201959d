"""The verdict on constructed sets of runs: one right case and sentence each, and none that claims more."""

import dataclasses
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skinexp.comparison.standing import Standing
from skinexp.comparison.verdict_cases import CASES
from skinexp.runs.run_outputs import RunOutputs
from tests.comparison.constructed import constructed, judged, labels, logits
from tests.report.runs import changed, failed

Runs = Sequence[RunOutputs]


def seeds(**areas: Sequence[float]) -> list[RunOutputs]:
    """Runs of each configuration with the seeds 0, 1, ..., whose logits have these signals."""
    return [
        constructed(f"model={name} seed={seed}", logits(signal, 10 * place + seed), config=config(name, seed))
        for place, (name, signals) in enumerate(areas.items())
        for seed, signal in enumerate(signals)
    ]


def config(name: str, seed: int) -> dict[str, object]:
    return {"model": {"name": name}, "seed": seed}


def external(runs: Runs) -> list[RunOutputs]:
    """The runs as evaluations of networks that were trained before."""
    return [changed(run, evaluates={"run_id": run.name, "name": run.name, "run": run.name}) for run in runs]


def folds(name: str, offsets: Sequence[float], seed: int) -> RunOutputs:
    """A cross-validation of five folds, whose networks have logits on scales of their own."""
    fold = np.arange(400) % 5
    shift = np.asarray(offsets)[fold]
    run = constructed(name, logits(2.0, seed) + shift, columns={"fold": fold})
    areas = [constructed("", run.test["logit"][fold == n], labels()[fold == n]).roc_auc for n in range(5)]
    metrics = run.metrics | {"test/roc_auc": float(np.mean(areas))}
    return dataclasses.replace(changed(run, metrics=metrics), pooled_folds=5)


def with_logit(logit: np.ndarray, value: float, count: int = 1) -> np.ndarray:
    return np.concatenate([np.full(count, value), logit[count:]])


def without(run: RunOutputs, images: int) -> RunOutputs:
    return dataclasses.replace(run, predictions=run.predictions.iloc[images:])


FEW, FEWER = labels(3, 3), labels(1, 1)
BENIGN = labels(0, 50)
SMALL = labels(10, 10)
LOW = logits(2.0, 1) - 9.0  # every probability is far below 0.5

SETS: dict[str, tuple[Callable[[], Runs], str, list[str], list[str]]] = {
    # name: runs, case, what is said, what must not be said
    "none finished": (lambda: [failed("a", "ValueError: no")], "no_finished_run", ["nothing to compare"], ["highest"]),
    "one run": (
        lambda: [constructed("a", logits(2.0, 1))],
        "single_run",
        ["a has a test ROC-AUC of 0.", "Newcombe) on 400 test images."],
        ["highest", "chance"],
    ),
    "one run at chance": (
        lambda: [constructed("a", logits(0.0, 1))],
        "single_run",
        ["it is not significantly better than chance (0.5)."],
        ["best"],
    ),
    "one reversed run": (
        lambda: [constructed("a", -logits(2.0, 1))],
        "single_run",
        ["it is below chance (0.5): it ranks malignant images below benign ones."],
        ["best"],
    ),
    "a clear best": (
        lambda: [constructed("a", logits(3.0, 1), val=0.9), constructed("b", logits(1.0, 2), val=0.95)],
        "significantly_best",
        [
            "a has the highest test ROC-AUC, 0.",
            "it is significantly higher than that of b (difference 0.",
            "DeLong).",
            "a is the best of 2 runs on the same test images that judge it; with this choice allowed for, the 95 % CI",
            "Validation ROC-AUC (0.950) would have chosen b, with a test ROC-AUC of 0.",
        ],
        ["not significantly"],
    ),
    "validation agrees": (
        lambda: [constructed("a", logits(3.0, 1), val=0.95), constructed("b", logits(1.0, 2), val=0.9)],
        "significantly_best",
        ["Validation ROC-AUC (0.950) would have chosen the same run."],
        [],
    ),
    "two equally good": (
        lambda: [constructed("a", logits(2.0, 1)), constructed("b", logits(2.0, 2))],
        "not_significantly_best",
        ["but it is not significantly different from that of"],
        ["significantly higher"],
    ),
    "a third that is not worse": (
        lambda: [constructed(*each) for each in (("a", logits(2.1, 1)), ("b", logits(2.0, 2)), ("c", logits(2.0, 3)))],
        "not_significantly_best",
        ["not significantly different from that of", "is also not significantly different from that of"],
        ["significantly higher"],
    ),
    "three, the last clearly worse": (
        lambda: [constructed(*each) for each in (("a", logits(2.1, 1)), ("b", logits(2.0, 2)), ("c", logits(0.8, 3)))],
        "not_significantly_best",
        ["is significantly higher than that of c."],
        [],
    ),
    "three, two clearly worse": (
        lambda: [constructed(*each) for each in (("a", logits(3.0, 1)), ("b", logits(1.2, 2)), ("c", logits(0.8, 3)))],
        "significantly_best",
        ["it is significantly higher than that of b (", ") and than that of c."],
        ["not significantly"],
    ),
    "ties": (
        lambda: [constructed(name, np.round(logits(2.0, seed))) for name, seed in (("a", 1), ("b", 2))],
        "not_significantly_best",
        ["not significantly different"],
        ["significantly higher"],
    ),
    "missing images": (
        lambda: [constructed("a", logits(3.0, 1)), without(constructed("b", logits(1.0, 2)), 5)],
        "refused_pairs",
        [
            "No run is named the best, because the runs cannot be compared",
            "5 images are in one of both only, image_0000",
        ],
        ["highest"],
    ),
    "other images": (
        lambda: [constructed("a", logits(3.0, 1)), constructed("b", logits(1.0, 2), test_digest="others")],
        "different_test_images",
        ["No run is named the best, because the runs were tested on different images."],
        ["highest"],
    ),
    "label disagreement": (
        lambda: [constructed("a", logits(3.0, 1)), constructed("b", logits(1.0, 2), np.roll(labels(), 3))],
        "refused_pairs",
        ["No run is named the best", "6 images have another label, image_0000 among them"],
        ["highest"],
    ),
    "other groups": (
        lambda: [
            constructed(name, logits(signal, 1), columns={"group": np.arange(400) // size})
            for name, signal, size in (("a", 3.0, 2), ("b", 1.0, 4))
        ],
        "refused_pairs",
        ["No run is named the best", "put the same images into different groups"],
        ["highest"],
    ),
    "a run with NaN": (
        lambda: [
            constructed("a", logits(3.0, 1)),
            constructed("b", logits(1.0, 2)),
            constructed("c", with_logit(logits(2.0, 3), math.nan, 2)),
        ],
        "significantly_best",
        ["c is not ranked: 2 of its 400 test logits are NaN or infinite."],
        [],
    ),
    "a run with an infinite logit": (
        lambda: [constructed("a", logits(3.0, 1)), constructed("b", with_logit(logits(3.0, 2), math.inf))],
        "only_ranked_run",
        ["a has a test ROC-AUC of 0.", "b is not ranked: 1 of its 400 test logits are NaN or infinite."],
        ["highest"],
    ),
    "all NaN": (
        lambda: [constructed(name, np.full(400, math.nan)) for name in "ab"],
        "not_finite",
        ["No run has a test ROC-AUC: the logits of all finished runs are NaN or infinite."],
        ["highest", "both classes"],
    ),
    "all at chance": (
        lambda: [constructed(name, logits(0.0, seed)) for seed, name in enumerate("abcd")],
        "no_better_than_chance",
        ["No run is named the best, because no run is significantly better than chance", "simultaneous for 4 runs"],
        ["has the highest"],
    ),
    "all reversed": (
        lambda: [constructed("a", -logits(1.0, 1), val=0.9), constructed("b", -logits(2.0, 2), val=0.8)],
        "below_chance",
        [
            "No run is named the best, because all runs are below chance",
            "that of a, 0.2",
            "label 1 stands for malignant",
        ],
        ["has the highest", "would have chosen"],
    ),
    "one reversed among good ones": (
        lambda: [
            constructed("a", logits(3.0, 1)),
            constructed("b", logits(1.0, 2)),
            constructed("c", -logits(2.0, 3)),
        ],
        "significantly_best",
        ["c ranks malignant images below benign ones (test ROC-AUC 0.0"],
        [],
    ),
    "one class": (
        lambda: [constructed(name, logits(0.0, seed, BENIGN), BENIGN) for seed, name in enumerate("ab")],
        "one_class",
        ["No run has a test ROC-AUC: all test images are benign."],
        ["highest"],
    ),
    "one image a class": (
        lambda: [constructed("a", np.array([2.0, -2.0]), FEWER), constructed("b", np.array([-2.0, 2.0]), FEWER)],
        "too_few_images",
        ["No run is named the best", "1 benign and 1 malignant", "at least 5 independent images of each class"],
        ["highest", "significant"],
    ),
    "three images a class": (
        lambda: [
            constructed("a", np.array([3.0, 2.0, 1.0, -1.0, -2.0, -3.0]), FEW),
            constructed("b", np.array([-3.0, -2.0, 1.0, -1.0, 2.0, 3.0]), FEW),
        ],
        "too_few_images",
        ["No run is named the best", "3 benign and 3 malignant"],
        ["highest", "significantly"],
    ),
    "three lesions a class": (
        lambda: [
            constructed(name, logits(signal, 1, SMALL), SMALL, columns={"group": np.repeat(np.arange(5), 4)})
            for name, signal in (("a", 4.0), ("b", 1.0))
        ],
        "too_few_images",
        ["No run is named the best"],
        ["highest", "significantly"],
    ),
    "ten images a class": (
        lambda: [constructed(name, logits(1.5, seed, SMALL), SMALL) for seed, name in enumerate("ab")],
        "not_significantly_best",
        ["permutation test"],
        ["DeLong", "significantly higher"],
    ),
    "same seeds": (
        lambda: [constructed("a", logits(2.0, 1)), constructed("b", logits(2.0, 1))],
        "same_network",
        ["a and b give every test image the same logit: they are the same network, with a test ROC-AUC of 0."],
        ["higher", "significant"],
    ),
    "same seeds among others": (
        lambda: [constructed(*each) for each in (("a", logits(2.5, 1)), ("b", logits(2.5, 1)), ("c", logits(1.0, 2)))],
        "not_significantly_best",
        ["a and b give every test image the same logit", "is significantly higher than that of c."],
        [],
    ),
    "all collapsed": (
        lambda: [constructed(name, 1e-4 * logits(2.0, seed) - 3.0) for seed, name in enumerate("ab")],
        "all_collapsed",
        ["No run is named the best, because all 2 finished runs have collapsed.", "It predicts benign for every image"],
        ["highest"],
    ),
    "one collapsed": (
        lambda: [constructed("a", logits(1.0, 1)), constructed("b", 1e-4 * logits(3.0, 2) - 3.0)],
        "only_ranked_run",
        ["a has a test ROC-AUC of 0.", "no other run can be ranked.", "b has collapsed."],
        ["highest"],
    ),
    "sensitivity 0": (
        lambda: [constructed("a", LOW), constructed("b", logits(1.0, 2) - 9.0)],
        "one_class_predicted",
        ["No run is named the best", "a is not ranked: at its operating threshold it recognises no malignant image"],
        ["has the highest"],
    ),
    "the highest has sensitivity 0": (
        lambda: [
            constructed("a", logits(3.0, 1) - 9.0),
            constructed("b", logits(2.0, 2)),
            constructed("c", logits(1.0, 3)),
        ],
        "significantly_best",
        ["b has the highest test ROC-AUC", "a is not ranked: ", "(sensitivity 0). Its test ROC-AUC is 0."],
        ["a has the highest"],
    ),
    "specificity 0": (
        lambda: [constructed("a", logits(2.0, 1) + 9.0), constructed("b", logits(1.0, 2) + 9.0)],
        "one_class_predicted",
        ["it recognises no benign image (specificity 0)"],
        ["has the highest"],
    ),
    "twenty equally good": (
        lambda: [constructed(f"run{n}", logits(2.0, n), val=0.9 - 0.001 * n) for n in range(20)],
        "not_significantly_best",
        ["is the best of 20 runs", "simultaneous for 20 runs", "Validation ROC-AUC (0.900) would have chosen"],
        ["significantly higher", " more "],
    ),
    "three seeds": (
        lambda: seeds(scratch=(0.8, 0.9, 1.0), mobilenet=(2.4, 2.5, 2.6)),
        "repeated_configurations",
        [
            "Over 3 seeds, model=mobilenet has a mean test ROC-AUC of 0.",
            "The single run with the highest test ROC-AUC is",
        ],
        ["that of model=scratch seed"],
    ),
    "three seeds that disagree with single runs": (
        lambda: seeds(scratch=(0.5, 1.7, 2.0), mobilenet=(1.2, 1.0, 3.2)),
        "repeated_configurations",
        ["not significantly different", "what the seeds show, not a test of two single runs."],
        ["significantly higher", "that of model=scratch seed"],
    ),
    "three seeds of one configuration": (
        lambda: seeds(scratch=(2.0, 2.1, 2.2)),
        "repeated_configurations",
        ["Over 3 seeds, model=scratch has a mean test ROC-AUC"],
        ["Whether one configuration", "that of model=scratch seed"],
    ),
    "external": (
        lambda: external([constructed("a", logits(3.0, 1)), constructed("b", logits(1.0, 2))]),
        "significantly_best",
        ["a has the highest test ROC-AUC"],
        ["Validation"],
    ),
    "external, three seeds": (
        lambda: external(seeds(scratch=(0.8, 0.9, 1.0), mobilenet=(2.4, 2.5, 2.6))),
        "repeated_configurations",
        ["Over 3 seeds"],
        ["that of model=scratch seed", "Validation"],
    ),
    "folds with offsets": (
        lambda: [folds("a", [0.0] * 5, 1), folds("b", [-4.0, -2.0, 0.0, 2.0, 4.0], 2)],
        "not_significantly_best",
        ["not significantly different"],
        ["significantly higher"],
    ),
    "without predictions": (
        lambda: [
            dataclasses.replace(constructed(name, logits(signal, 1)), predictions=None)
            for name, signal in (("a", 3.0), ("b", 1.0))
        ],
        "untested",
        ["DeLong's test needs the predictions of both runs", "its test ROC-AUC is optimistic"],
        ["significantly higher"],
    ),
    "perfect against constant": (
        lambda: [constructed("a", 9.0 * (labels() - 0.5)), constructed("b", np.where(labels() == 9, 1.0, -1.0))],
        "only_ranked_run",
        ["a has a test ROC-AUC of 1.000", "b has collapsed."],
        ["highest"],
    ),
}


@pytest.mark.parametrize("name", SETS)
def test_a_set_of_runs_has_the_right_verdict(name):
    runs, case, said, never = SETS[name]
    found = judged(runs())
    text = " ".join(found.sentences)
    assert found.case == case, text
    for words in said:
        assert words in text
    for words in never:
        assert words not in text


@pytest.mark.parametrize("name", SETS)
def test_every_finished_run_is_named_or_counted(name):
    runs = SETS[name][0]()
    found = judged(runs)
    assert set(found.standings) == {run.name for run in runs if run.finished}
    if found.best is not None:
        named = {found.best, *found.significantly_lower, *found.not_significantly_different, *found.untested}
        left_out = {run for run, standing in found.standings.items() if standing in LEFT_OUT}
        assert named | left_out == set(found.standings)


LEFT_OUT = (Standing.NOT_FINITE, Standing.NO_AREA, Standing.ONE_CLASS, Standing.COLLAPSED)


def test_all_runs_that_are_not_significantly_lower_are_in_the_sentences():
    runs = SETS["twenty equally good"][0]()
    found = judged(runs)
    assert len(found.not_significantly_different) == 19
    assert all(name in " ".join(found.sentences) for name in found.not_significantly_different)


def test_each_case_but_those_of_folds_and_unknown_runs_is_in_a_set():
    known = {case for _, case, _, _ in SETS.values()}
    assert {case.name for case in CASES} - known == {"folds_not_pooled", "no_area"}


def test_runs_without_any_area_are_not_ranked():
    runs = [constructed(name, logits(1.0, 1)) for name in "ab"]
    bare = [dataclasses.replace(changed(run, metrics={}), predictions=None) for run in runs]
    found = judged(bare)
    assert found.case == "no_area"
    assert "a is not ranked: it has no test ROC-AUC." in found.sentences


def test_the_interval_of_the_best_is_wider_the_more_runs_it_was_chosen_from():
    def width(count: int) -> float:
        sentence = next(
            s for s in judged([constructed(str(n), logits(2.0, n)) for n in range(count)]).sentences if "best of" in s
        )
        low, high = (float(word.rstrip(".")) for word in sentence.split("is ")[-1].split(" (")[0].split(" to "))
        return high - low

    assert width(2) < width(12)


def test_a_run_of_an_earlier_version_is_compared_by_its_predictions():
    from skinexp.core.digest import digest  # the digest that runs recorded before labels were part of it

    new = constructed("new", logits(3.0, 1))
    old = constructed("old", logits(1.0, 2))
    old = changed(old, test_digest=digest(sorted(old.test["image_id"])))
    assert judged([new, old]).case == "significantly_best"
    relabelled = old.predictions.assign(label=np.roll(labels(), 3))
    wrong = dataclasses.replace(old, predictions=relabelled)
    assert judged([new, wrong]).best is None


def test_an_interval_without_0_among_many_pairs_is_explained():
    from skinexp.comparison.pairwise import PairwiseTests
    from skinexp.comparison.verdict import verdict

    row = {"a": "best", "b": "next", "difference": 0.01, "low": 0.001, "high": 0.02, "p_value": 0.03, "p_holm": 0.4}
    runs = [constructed("best", logits(2.5, 1)), constructed("next", logits(2.0, 2))]
    first, second, *_ = verdict(runs, PairwiseTests(pd.DataFrame([row]))).sentences
    assert "from that of next (difference 0.010, 95 % CI 0.001 to 0.020; p = 0.40, DeLong" in first
    assert second.startswith("The 95 % CI of this difference excludes 0")


def test_the_documentation_lists_each_case():
    text = (Path(__file__).parents[2] / "docs" / "reference" / "files.md").read_text()
    assert re.findall(r"^\| `(\w+)` \|", text.partition("### comparison.json")[2], re.MULTILINE) == [
        c.name for c in CASES
    ]
