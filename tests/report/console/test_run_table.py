"""The table of scores on the terminal, and the lines below it: where to look next."""

import dataclasses
from pathlib import Path

import pandas as pd
import pytest

from skinexp.comparison.cross_validation import pool
from skinexp.config.schema import Tracking
from skinexp.core.python_command import python_command
from skinexp.evaluation.by_diagnosis import DIAGNOSIS_COLUMNS
from skinexp.report.console import external_validation_table
from skinexp.report.console.run_table import show, show_next_steps
from tests.comparison.constructed import constructed, logits
from tests.report.runs import outputs


@pytest.mark.parametrize(
    ("store", "way"),
    [
        (Tracking.uri, "PYTHON -m skinexp.ui"),
        ("sqlite:////data/mlflow.db", "PYTHON -m skinexp.ui --uri sqlite:////data/mlflow.db"),
        ("sqlite:////my data/mlflow.db", "PYTHON -m skinexp.ui --uri 'sqlite:////my data/mlflow.db'"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
    ],
)
def test_the_way_to_the_mlflow_ui_depends_on_the_store(store, way, capsys):
    way = way.replace("PYTHON", python_command())
    show_next_steps(Path("multirun/comparison.html"), store)
    assert capsys.readouterr().out == f"Comparison page: multirun/comparison.html\nMLflow UI: {way}\n"


def test_the_table_has_no_column_of_health_where_all_are_well(run, capsys):
    show(pool([run({"optim.lr": 0.1}, health={"verdict": "ok"}), run({"optim.lr": 0.2})]))
    assert "health" not in capsys.readouterr().out


def test_the_table_says_who_is_not_well_in_a_terminal_of_usual_width(run, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    show(
        pool(
            [
                run({"optim.lr": 0.1}, health={"verdict": "ok"}),
                run({"optim.lr": 0.2}, health={"verdict": "collapsed", "cause": "wrong_input_range"}),
                run({"optim.lr": 1.0}, None, {"verdict": "warning"}, status="failed"),
                run({"optim.lr": 0.3}),
            ]
        )
    )
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if "optim.lr" in line]
    assert [line[:3] for line in lines] == [
        ["optim.lr=0.1", "ok", "0.800"],
        ["optim.lr=0.2", "collapsed", "0.800"],
        ["optim.lr=1.0", "warning", "failed"],
        ["optim.lr=0.3", "0.800", "n/a"],
    ]


def test_the_scores_at_the_operating_threshold_come_first_with_their_rule_then_those_at_half(capsys):
    values = {
        "config": {"evaluate": {"threshold": "youden"}},
        "metrics": {"test/roc_auc": 0.9, "test/recall": 0.3, "test/recall_chosen": 0.8, "threshold/chosen": 0.2},
        "data": {"counts": {"val": {"benign": 80, "malignant": 20}}},
    }
    show(pool([outputs("one", values)]))
    printed = capsys.readouterr().out
    at_threshold, at_half = printed.split("(threshold 0.5, uncalibrated)")
    assert "Test scores (at the operating threshold)" in at_threshold
    assert "0.800" in at_threshold
    assert "0.300" not in at_threshold
    assert "costs as much as 4 false positives" in at_threshold
    assert "0.300" in at_half


def test_an_external_validation_has_the_line_of_the_operating_threshold_first(capsys):
    metrics = {"test/roc_auc": 0.9, "test/recall": 0.3, "test/recall_chosen": 0.8}
    external_validation_table.show("lesions", 80, metrics, 0.2, None)
    lines = [line for line in capsys.readouterr().out.splitlines() if "0.200" in line or "0.500" in line]
    assert ["lesions" in line for line in lines] == [True, False]
    assert "0.800" in lines[0]
    assert "0.300" in lines[1]


def test_the_worst_diagnosis_is_named_below_the_table(capsys):
    rows = [
        ("dx", name, "malignant", "recall", 20, 20, share, share - 0.1, share + 0.1, share - 0.2, share + 0.2)
        for name, share in (("carcinoma", 0.8), ("melanoma", 0.4))
    ]
    evidence = {"diagnoses": pd.DataFrame(rows, columns=DIAGNOSIS_COLUMNS)}
    show(pool([outputs("one", {"metrics": {"test/roc_auc": 0.9}}, evidence=evidence)]))
    assert (
        "one has its lowest sensitivity at the operating threshold on malignant images with the diagnosis melanoma: "
        "0.400 (8 of 20 images; 95 % CI 0.200 to 0.600" in capsys.readouterr().out
    )


@pytest.mark.parametrize("verdict", ["ok", "collapsed"])
def test_limits_stand_below_scores_in_a_terminal_of_usual_width(verdict, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    names = ("roc_auc", "average_precision", "accuracy", "recall", "specificity", "f1")
    rows = [(name, 0.8, 0.7 + place / 100, 0.9, "Wilson") for place, name in enumerate(names)]
    table = pd.DataFrame(rows, columns=["score", "estimate", "low", "high", "method"])
    one, other = (
        constructed(f"model={name}", logits(2.0, 1), health={"verdict": verdict}, seconds={"total": 37_000.0})
        for name in ("a", "b")
    )
    runs = [dataclasses.replace(one, evidence={"scores": table}), other]
    show(pool(runs), comparison=None)
    printed = capsys.readouterr().out
    assert "below each score: 95 % CI" in " ".join(printed.split())
    for place in range(len(names)):
        assert f"0.7{place}-0.90" in printed
    assert "…" not in printed
    assert printed.count("10:16:40") == 2
    assert max(map(len, printed.splitlines()[3:])) <= 80
    assert (verdict in printed) == (verdict != "ok")


def test_the_names_of_the_first_command_are_whole_beside_limits_in_a_terminal_of_usual_width(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    at_threshold = ("accuracy_chosen", "recall_chosen", "specificity_chosen", "f1_chosen")
    rows = [(name, 0.8, 0.7, 0.9, "Wilson") for name in ("roc_auc", "average_precision", *at_threshold)]
    table = pd.DataFrame(rows, columns=["score", "estimate", "low", "high", "method"])
    metrics = {"test/roc_auc": 0.8, "threshold/chosen": 0.2} | {f"test/{name}": 0.8 for name in at_threshold}
    show(pool([outputs("model=efficientnet", {"metrics": metrics}, evidence={"scores": table})]))
    rows_of_run = [line for line in capsys.readouterr().out.splitlines() if "model=efficientnet" in line]
    assert len(rows_of_run) == 2
    assert max(map(len, rows_of_run)) <= 80
