"""Reliability diagrams: a panel a run, both stages, and how many images each point stands for."""

import numpy as np
import pandas as pd
import pytest

from skinexp.evaluation import reliability_points
from skinexp.report.figures.reliability_diagram import reliability_diagrams, stages


def points(power: float, seed: int = 0) -> pd.DataFrame:
    """Probabilities that are right after they are raised to a power."""
    draw = np.random.default_rng(seed)
    probability = draw.random(400)
    label = (draw.random(400) < probability).astype(int)
    stage = {"before": probability**power, "after": probability}
    return pd.concat([reliability_points(label, values).assign(stage=name) for name, values in stage.items()])


def test_each_run_has_a_panel_with_a_line_a_stage_and_its_counts_below():
    figure = reliability_diagrams({"one": points(2.0), "two": points(0.5, 1)})
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in shown if axes.get_title(loc="left")] == ["one", "two"]
    assert [len(axes.containers) for axes in shown] == [2, 2, 0, 0]
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["uncalibrated", "calibrated on validation images", "perfect calibration"]
    assert shown[2].get_yticklabels()[0].get_text() == "0"


def test_a_run_that_was_not_calibrated_has_one_line():
    assert list(stages(points(1.0))) == ["before"]
    assert list(stages(points(2.0))) == ["before", "after"]
    assert len(reliability_diagrams({"only": points(1.0)}).axes[0].containers) == 1


def test_empty_bins_are_left_out():
    draw = reliability_points([0, 1, 1], [0.1, 0.9, 0.9]).assign(stage="before")
    (container,) = reliability_diagrams({"few": draw}).axes[0].containers
    assert list(container.lines[0].get_xdata()) == pytest.approx([0.1, 0.9])


def test_six_runs_make_two_rows_and_leave_the_rest_empty():
    figure = reliability_diagrams({str(number): points(1.0) for number in range(6)})
    assert sum(axes.get_visible() for axes in figure.axes) == 12


def test_no_run_is_refused():
    with pytest.raises(ValueError, match="Received: none"):
        reliability_diagrams({})


def test_a_smooth_curve_is_drawn_with_its_band_in_place_of_the_line_between_bins():
    probability = np.linspace(0, 1, 20)
    curve = pd.DataFrame({"probability": probability, "observed": probability**2, "low": 0.0, "high": 1.0})
    curves = {"one": pd.concat([curve.assign(stage="before"), curve.assign(stage="after")])}
    panel = reliability_diagrams({"one": points(2.0)}, curves).axes[0]
    assert len(panel.collections) - len(reliability_diagrams({"one": points(2.0)}).axes[0].collections) == 2
    drawn = [line.get_ydata().tolist() for line in panel.lines]
    assert drawn.count((probability**2).tolist()) == 2
    assert [container.lines[0].get_linestyle() for container in panel.containers] == ["None", "None"]


def test_a_collapsed_run_has_no_curve():
    probability = np.linspace(0.3, 0.301, 20)
    curve = pd.DataFrame({"probability": probability, "observed": 0.3, "low": 0.2, "high": 0.4, "stage": "before"})
    panel = reliability_diagrams({"one": points(1.0)}, {"one": curve}).axes[0]
    assert len(panel.lines) == len(reliability_diagrams({"one": points(1.0)}).axes[0].lines)
