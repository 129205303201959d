"""The comparison as a table, as CSV and as JSON."""

import json
import math
from importlib.resources import files

import jsonschema
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from skinexp.comparison.analyse import analyse
from skinexp.comparison.standing import Standing
from skinexp.comparison.verdict_cases import CASES
from skinexp.core.strict_json import to_strict_json
from skinexp.evaluation import delong_test
from skinexp.report.pages.comparison_files import comparison_table
from skinexp.report.pages.comparison_values import comparison_values
from skinexp.report.pages.sections import scores_section
from tests.comparison.constructed import constructed, labels, logits
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

    rows = json.loads(page.with_suffix(".json").read_text(), parse_constant=refuse)["runs"]
    expected = comparison_table(sweep)
    assert [row["name"] for row in rows] == list(expected["name"])
    assert rows[0]["test/f1"] == pytest.approx(expected.loc[0, "test/f1"])
    assert rows[0]["seed"] == 3
    assert rows[2]["test/precision"] is None  # 0/0: it calls no image malignant
    assert rows[3]["test/roc_auc"] is None


def test_an_infinite_score_becomes_null(tmp_path):
    run = in_memory("model=wild", predicted(0, 1.0), metrics={"test/roc_auc": 0.7, "test/loss": math.inf})
    compare([run], tmp_path, day=DAY)
    assert json.loads((tmp_path / "comparison.json").read_text())["runs"][0]["test/loss"] is None


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


@pytest.fixture(scope="module")
def schema():
    return json.loads((files("skinexp.report") / "schemas" / "comparison.schema.json").read_text())


@pytest.fixture(scope="module")
def values(page):
    return json.loads(page.with_suffix(".json").read_text())


def test_the_json_file_is_what_its_schema_says(values, schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(values)


def test_a_file_that_lacks_a_p_value_is_not_what_the_schema_says(values, schema):
    lacking = values | {"pairs": [{key: value for key, value in values["pairs"][0].items() if key != "p_holm"}]}
    with pytest.raises(jsonschema.ValidationError, match="p_holm"):
        jsonschema.Draft202012Validator(schema).validate(lacking)


def test_the_schema_knows_each_case_and_each_standing_of_the_verdict(schema):
    found = schema["$defs"]["verdict"]["properties"]
    assert found["case"]["enum"] == [case.name for case in CASES]
    assert found["standings"]["additionalProperties"]["enum"] == [str(standing) for standing in Standing]


def test_the_json_file_holds_the_verdict_and_what_it_rests_on(values, sweep):
    verdict = values["verdict"]
    assert (verdict["case"], verdict["best"]) == ("significantly_best", "model=better")
    assert verdict["significantly_lower"] == ["model=good"]
    assert verdict["standings"]["model=collapsed"] == "collapsed"
    assert "model=better has the highest test ROC-AUC" in verdict["sentences"][0]
    (pair,) = [pair for pair in values["pairs"] if {pair["a"], pair["b"]} == {"model=better", "model=good"}]
    tests = [run.test for run in sweep[:2]]
    expected = delong_test(tests[0]["label"], tests[1]["logit"], tests[0]["logit"])
    assert [pair[key] for key in ("difference", "low", "high", "p_value")] == pytest.approx(
        [expected.difference, expected.low, expected.high, expected.p_value]
    )
    assert (pair["roc_auc_test"], pair["adjustment"], pair["family"]) == ("DeLong", "Holm", 3)


def test_each_score_of_each_run_has_a_row_with_the_method_of_its_interval(values, sweep):
    rows = {(row["run"], row["score"]): row for row in values["scores"]}
    area = sweep[0].interval("roc_auc")
    row = rows["model=good", "roc_auc"]
    assert (row["estimate"], row["low"], row["high"]) == pytest.approx(tuple(area))
    assert (row["method"], row["level"]) == ("Newcombe", 0.95)
    assert ("model=good", "brier") in rows
    assert ("model=good", "roc_auc_low") not in rows
    assert not any(row["run"] == "model=lost" for row in values["scores"])


def test_the_tables_beside_it_say_the_same(values, page):
    for name in ("scores", "pairs", "differences"):
        table = pd.read_csv(page.with_name(f"comparison_{name}.csv"), keep_default_na=False, na_values=[""])
        assert list(table.columns) == list(values[name][0])
        assert len(table) == len(values[name])
    assert {row["excludes_0"] for row in values["differences"]} <= {"yes", "no", "undecided", ""}


def test_runs_that_cannot_be_compared_have_a_reason_and_no_star(schema):
    runs = [constructed("a", logits(2.0, 1)), constructed("b", logits(1.0, 2), np.roll(labels(), 3))]
    comparison = analyse(runs)
    found = to_strict_json(comparison_values(comparison, comparison_table(comparison.runs)))
    assert found["verdict"]["case"] == "refused_pairs"
    assert "6 images have another label" in found["pairs_refused"]
    assert found["pairs"] == found["differences"] == []
    shown = scores_section.content(comparison)
    assert not any(cell.best for table in shown["tables"] for _, cells in table.rows for cell in cells)
    jsonschema.Draft202012Validator(schema).validate(found)
