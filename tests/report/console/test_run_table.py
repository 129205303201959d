"""The table of scores on the terminal, and the lines below it: where to look next."""

import dataclasses
from pathlib import Path

import pandas as pd
import pytest

from skinexp.comparison.cross_validation import pool
from skinexp.config.schema import Tracking
from skinexp.core.python_command import python_command
from skinexp.report.console.run_table import show, show_next_steps
from tests.comparison.constructed import constructed, logits


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
