"""The analysis that page, terminal and sweep share."""

import dataclasses

import pytest

from skinexp.comparison.analyse import analyse
from tests.report.runs import failed, with_area


def test_runs_with_one_name_are_numbered_and_split_into_finished_and_not():
    comparison = analyse([with_area("a", 0.8), with_area("a", 0.7), failed("b", "MemoryError")])
    assert [run.name for run in comparison.runs] == ["a", "a (2)", "b"]
    assert [run.name for run in comparison.finished] == ["a", "a (2)"]
    assert [run.name for run in comparison.unfinished] == ["b"]


def test_the_best_run_is_chosen_on_validation_images_and_not_on_test_images(run):
    good_on_test, good_on_validation = run({"optim.lr": 0.1}, 0.9), run({"optim.lr": 0.2}, 0.8)
    good_on_test.metrics["val/roc_auc"] = 0.7
    assert analyse([good_on_test, good_on_validation]).best.name == "optim.lr=0.2"
    assert analyse([failed("a", None)]).best is None


def test_no_runs_at_all_are_refused():
    with pytest.raises(ValueError, match=r"no runs to compare.*Received: \[\]"):
        analyse([])


def test_a_finished_run_that_lacks_something_is_compared_and_said_to_be_incomplete():
    whole, run = with_area("a", 0.8), with_area("b", 0.9)
    lacking = dataclasses.replace(run, summary=dataclasses.replace(run.summary, failures={"figures": "OSError: gone"}))
    comparison = analyse([whole, lacking])
    assert [run.name for run in comparison.finished] == ["a", "b"]
    assert comparison.verdict[-1] == "b is incomplete; failed: figures (OSError: gone)."
