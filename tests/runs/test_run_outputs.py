"""What a run left behind, read from its directory, however little that is."""

import pandas as pd
import pytest

from skinexp.runs.run_outputs import load
from tests.report.runs import SIDE, in_memory, predicted


def test_a_finished_run_is_read_whole(sweep):
    run = sweep[0]
    assert (run.name, run.status, run.error, run.unreadable) == ("model=good", "finished", None, ())
    pd.testing.assert_frame_equal(run.predictions, predicted(0, 1.0))
    assert list(run.history["epoch"]) == [1, 2, 3, 4, 5, 6]
    assert run.gradcam["heat"].shape == (4, SIDE, SIDE)


def test_a_name_can_be_given(sweep):
    assert load(sweep[0].directory, name="the first").name == "the first"


def test_a_run_without_a_result_counts_as_failed_and_says_so(tmp_path):
    run = load(tmp_path / "7")
    assert (run.name, run.status) == ("7", "failed")
    assert "no result.json" in run.error


@pytest.mark.parametrize("text", ['{"status": "finis', "[1, 2]", ""])
def test_a_result_that_was_cut_off_counts_as_failed(tmp_path, text):
    (tmp_path / "result.json").write_text(text)
    run = load(tmp_path)
    assert run.status == "failed"
    assert "result.json" in run.error


def test_a_run_whose_scores_vary_has_not_collapsed_though_it_calls_all_malignant():
    assert not in_memory("model=bold", predicted(0, 1.0, shift=20.0)).collapsed
    assert in_memory("model=flat", predicted(0, 1.0, spread=1e-4, shift=20.0)).collapsed


def test_a_doctor_s_verdict_stands_above_the_rule_for_runs_that_none_saw():
    flat = predicted(0, 1.0, spread=1e-4)
    assert not in_memory("model=flat", flat, health={"verdict": "warning"}).collapsed
    assert in_memory("model=fine", predicted(0, 1.0), health={"verdict": "collapsed"}).collapsed
