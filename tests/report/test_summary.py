"""The lines below the table of scores: where to look next."""

from pathlib import Path

import pytest

from skinexp.config import Tracking
from skinexp.report.summary import show_next_steps


@pytest.mark.parametrize(
    ("store", "way"),
    [
        (Tracking.uri, "uv run python -m skinexp.ui"),
        ("sqlite:////data/mlflow.db", "uv run python -m skinexp.ui --uri sqlite:////data/mlflow.db"),
        ("sqlite:////my data/mlflow.db", "uv run python -m skinexp.ui --uri 'sqlite:////my data/mlflow.db'"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
    ],
)
def test_the_way_to_the_mlflow_ui_depends_on_the_store(store, way, capsys):
    show_next_steps(Path("multirun/comparison.html"), store)
    assert capsys.readouterr().out == f"Comparison page: multirun/comparison.html\nMLflow UI: {way}\n"
