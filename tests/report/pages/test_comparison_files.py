"""The comparison as a table, as CSV and as JSON."""

import json
import math

import pandas as pd
import pytest
from sklearn import metrics

from skinexp.report.pages.comparison_files import comparison_table
from tests.report.runs import DAY, compare, in_memory, predicted, with_area


def test_the_table_has_a_row_for_each_run_and_scikit_learn_s_numbers(sweep):
    rows = comparison_table(sweep)
    assert list(rows["name"]) == ["model=good", "model=better", "model=collapsed", "model=lost"]
    assert list(rows["status"]) == ["finished", "finished", "finished", "failed"]
    assert list(rows.loc[:2, "seed"]) == [3, 3, 3]
    assert rows.loc[0, ["run_id", "data_digest", "test_digest"]].tolist() == [
        "id-of-model=good",
        "the-data",
        "the-test-images",
    ]
    for row, run in enumerate(sweep[:2]):
        test = run.predictions[run.predictions["split"] == "test"]
        called = test["probability"] >= 0.5
        assert rows.loc[row, "test/roc_auc"] == pytest.approx(metrics.roc_auc_score(test["label"], test["logit"]))
        assert rows.loc[row, "test/precision"] == pytest.approx(metrics.precision_score(test["label"], called))
    assert rows.loc[3].filter(like="test/").drop("test_digest", errors="ignore").isna().all()


def test_the_csv_file_reads_back_as_the_table(sweep, page):
    rows = pd.read_csv(page.with_suffix(".csv"))
    expected = comparison_table(sweep)
    pd.testing.assert_frame_equal(rows, expected.where(expected.notna()), check_dtype=False)


def test_the_json_file_is_strict_and_says_the_same(sweep, page):
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    rows = json.loads(page.with_suffix(".json").read_text(), parse_constant=refuse)
    expected = comparison_table(sweep)
    assert [row["name"] for row in rows] == list(expected["name"])
    assert rows[0]["test/f1"] == pytest.approx(expected.loc[0, "test/f1"])
    assert rows[0]["seed"] == 3
    assert rows[2]["test/precision"] is None  # 0/0: it calls no image malignant
    assert rows[3]["test/roc_auc"] is None


def test_an_infinite_score_becomes_null(tmp_path):
    run = in_memory("model=wild", predicted(0, 1.0), metrics={"test/roc_auc": 0.7, "test/loss": math.inf})
    compare([run], tmp_path, day=DAY)
    assert json.loads((tmp_path / "comparison.json").read_text())[0]["test/loss"] is None


def test_the_table_holds_what_the_doctor_found(collapse):
    rows = comparison_table(collapse)
    assert rows["health"].value_counts().to_dict() == {"ok": 12, "collapsed": 4}
    ill = rows[rows["health"] == "collapsed"]
    assert set(ill["health_cause"]) == {"wrong_input_range"}
    assert set(ill["feature_cosine"]) == {0.9998}
    assert set(ill["probe_auc"]) == {0.76}


def test_runs_with_one_name_are_numbered(tmp_path):
    compare([with_area("a", 0.8), with_area("a", 0.7)], tmp_path, day=DAY)
    assert list(pd.read_csv(tmp_path / "comparison.csv")["name"]) == ["a", "a (2)"]
