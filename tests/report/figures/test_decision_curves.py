"""Decision curves: a line a run between excising all and none."""

import numpy as np
import pandas as pd
import pytest

from skinexp.evaluation import decision_curve, net_benefit
from skinexp.report.figures.decision_curves import decision_curves


def predictions(signal: float) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    label = np.tile([0, 0, 1], 100)
    probability = 1 / (1 + np.exp(-(signal * (label - 0.5) + draw.normal(size=label.size))))
    return pd.DataFrame({"split": "test", "label": label, "probability": probability})


def benefits(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    return {name: decision_curve(table["label"], table["probability"]) for name, table in tables.items()}


def test_lines_are_those_of_net_benefit_and_run_between_all_and_none():
    tables = {"one": predictions(3.0), "two": predictions(0.5)}
    curves = benefits(tables)
    figure = decision_curves(curves)
    (axes,) = figure.axes
    one = axes.lines[0]
    assert one.get_ydata()[29] == pytest.approx(
        net_benefit(tables["one"]["label"], tables["one"]["probability"], one.get_xdata()[29])
    )
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["one", "two", "excise all", "excise none"]
    assert len({line.get_marker() for line in axes.lines[:2]}) == 2


def test_a_run_whose_probabilities_are_not_numbers_does_not_cost_the_plot():
    broken = predictions(1.0).assign(probability=np.nan)
    (axes,) = decision_curves(benefits({"broken": broken})).axes
    assert np.isfinite(axes.get_ylim()).all()


def test_no_run_is_refused():
    with pytest.raises(ValueError, match="Received: none"):
        decision_curves({})
