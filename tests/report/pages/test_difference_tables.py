"""Differences of every score: as the bootstrap has them, of the best runs alone where there are many."""

import math

import pytest

from skinexp.comparison.pairwise import MOST_RUNS, RESAMPLES, PairwiseTests
from skinexp.core.number_format import limits_text, three_decimals
from skinexp.evaluation import score_differences
from skinexp.report.pages.difference_tables import difference_tables
from tests.comparison.test_pairwise import pair, run


def stating(risk_threshold):
    return {"evaluate": {"risk_threshold": risk_threshold}}


def test_a_table_holds_the_best_run_less_each_other_in_every_score():
    runs = [run("weak", 0.5, 1), run("best", 2.5, 2), run("good", 1.5, 3)]
    first, second = difference_tables(pair(runs)).tables
    assert (first.run, first.others) == ("best", ["good", "weak"])
    assert (second.run, second.others) == ("good", ["weak"])
    expected = score_differences({one.name: one.test for one in runs[1:]}, resamples=RESAMPLES).set_index("score")
    row = dict(first.rows)["Brier score"][0]
    found = expected.loc["brier"]
    assert row.text == three_decimals(found["difference"])
    assert row.limits == limits_text(found["low"], found["high"])
    assert row.excludes_0 == (found["high"] < 0 or found["low"] > 0)
    shown = {words for words, _ in first.rows}
    assert {"MCC", "average precision", "expected calibration error", "calibration slope"} <= shown
    assert "net benefit" not in shown


def test_net_benefits_differ_at_the_risk_threshold_that_all_runs_state():
    runs = [run("weak", 0.5, 1, config=stating(0.1)), run("best", 2.5, 2, config=stating(0.1))]
    (table,) = difference_tables(pair(runs)).tables
    assert "net benefit" in dict(table.rows)
    other = [runs[0], run("best", 2.5, 2, config=stating(0.2))]
    assert "net benefit" not in dict(difference_tables(pair(other)).tables[0].rows)


def test_of_many_runs_the_best_are_compared_and_the_page_is_told_so():
    runs = [run(str(number), 0.4 + 0.3 * number, number, images=60) for number in range(MOST_RUNS + 2)]
    found = difference_tables(pair(runs))
    assert found.is_restricted
    assert {found.tables[0].run, *found.tables[0].others} == {str(number) for number in range(2, MOST_RUNS + 2)}
    assert not difference_tables(pair(runs[:3])).is_restricted


def test_predicted_classes_are_of_calibrated_probabilities_at_the_threshold_that_a_run_chose():
    calibration = {"method": "temperature", "parameters": {"temperature": 2.0}}
    chosen = run("chosen", 2.0, 1, thresholds={"chosen": 0.4}, calibration=calibration)
    found = pair([chosen, run("old", 1.0, 2)])
    right = []
    for record, at, temperature in zip([chosen, run("old", 1.0, 2)], (0.4, 0.5), (2.0, 1.0), strict=True):
        probability = 1 / (1 + math.e ** (-record.test["logit"] / temperature))
        right.append((probability >= at) == (record.test["label"] == 1))
    assert found.table["only_a_right"].item() == (right[0] & ~right[1]).sum()
    assert found.basis == (
        "Probabilities are calibrated by temperature scaling on validation images (except old: uncalibrated). Classes "
        "are predicted at the operating threshold that each run chose on its validation images (except old: "
        "threshold 0.5)."
    )


@pytest.mark.parametrize("pairs", [PairwiseTests(), PairwiseTests(refusal="other images")])
def test_without_pairs_there_are_no_tables(pairs):
    assert difference_tables(pairs).tables == []
