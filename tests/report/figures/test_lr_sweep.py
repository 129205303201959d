"""The figure of areas against learning rates, as a reader sees it."""

import numpy as np
import pytest

from skinexp.comparison.learning_rate_trials import learning_rate_trials
from skinexp.report.figures.lr_sweep import area_by_learning_rate
from skinexp.report.figures.style import png

RATES = (1e-4, 1e-3, 1e-2, 1e-1)
WELL = {"verdict": "ok"}
WORRIED = {"verdict": "warning", "cause": "overfitting"}
ILL = {"verdict": "collapsed", "cause": "learning_rate_too_high"}


@pytest.fixture
def sweep(run):
    """Two models at four rates: the second overfits at the lowest, both collapse at .01, and both fail at .1."""
    areas = {1e-4: 0.7, 1e-3: 0.85, 1e-2: 0.5, 1e-1: None}
    return [
        run(
            {"model.name": name, "optim.lr": lr},
            areas[lr] and areas[lr] + 0.02 * number,
            (WORRIED if number else WELL) if lr == 1e-4 else WELL if lr == 1e-3 else ILL,
            status="failed" if areas[lr] is None else "finished",
        )
        for number, name in enumerate(("scratch", "mobilenet"))
        for lr in RATES
    ]


def test_a_row_a_run_says_where_it_stands_and_how_it_fares(sweep):
    table = learning_rate_trials(sweep)
    assert table["line"].unique().tolist() == ["model.name=scratch", "model.name=mobilenet"]
    assert table["lr"].tolist() == 2 * list(RATES)
    assert table["state"].tolist()[4:] == ["warning", "ok", "collapsed", "failed"]
    assert table["note"].tolist()[4:] == ["overfitting", "", "learning rate too high", "learning rate too high"]
    np.testing.assert_allclose(table["auc"][:4], [0.7, 0.85, 0.5, np.nan])


def test_a_learning_rate_is_judged_on_validation_images(run):
    records = [run({"optim.lr": lr}, 0.8) for lr in RATES]
    records[0].metrics["val/roc_auc"] = 0.6
    assert learning_rate_trials(records)["auc"].tolist() == [0.6, 0.8, 0.8, 0.8]


def test_two_learning_rates_make_no_figure(run):
    assert learning_rate_trials([run({"optim.lr": lr}) for lr in RATES[:2]]) is None
    assert learning_rate_trials([run({"optim.batch_size": size}) for size in (8, 16, 32)]) is None


def markers(panel):
    """The places of the points of each shape."""
    return {
        shape: sorted(
            point
            for line in panel.lines
            if line.get_marker() == shape
            for point in zip(line.get_xdata(), line.get_ydata(), strict=True)
        )
        for shape in "o^Xv"
    }


def test_each_state_has_a_shape_of_its_own_and_failures_stand_on_the_lower_edge(sweep):
    panel = area_by_learning_rate(learning_rate_trials(sweep)).axes[0]
    assert panel.get_xscale() == "log"
    floor = panel.get_ylim()[0]
    assert floor < 0.5
    assert markers(panel) == {
        "o": [(1e-4, 0.7), (1e-3, 0.85), (1e-3, 0.87)],
        "^": [(1e-4, 0.72)],
        "X": [(1e-2, 0.5), (1e-2, 0.52)],
        "v": [(1e-1, floor), (1e-1, pytest.approx(floor + 0.02))],
    }


def test_causes_are_written_beside_the_points_once_a_learning_rate(sweep):
    panel = area_by_learning_rate(learning_rate_trials(sweep)).axes[0]
    written = [" ".join(text.get_text().split()) for text in panel.texts]
    assert sorted(written) == ["learning rate too high", "learning rate too high", "overfitting"]


def test_shapes_and_lines_have_their_legends(sweep):
    legends = [
        [text.get_text() for text in legend.get_texts()]
        for legend in area_by_learning_rate(learning_rate_trials(sweep)).legends
    ]
    assert legends == [["ok", "warning", "collapsed", "failed"], ["model.name=scratch", "model.name=mobilenet"]]


def test_repetitions_are_points_of_their_own_on_a_line_through_their_mean(run):
    records = [run({"optim.lr": lr}, 0.7 + 0.1 * seed, WELL, seed=seed) for lr in RATES for seed in (0, 1)]
    panel = area_by_learning_rate(learning_rate_trials(records)).axes[0]
    line = next(line for line in panel.lines if line.get_marker() == "None" and len(line.get_xdata()) == 4)
    np.testing.assert_allclose(line.get_ydata(), 0.75)
    assert len(markers(panel)["o"]) == 8


def test_a_sweep_of_which_every_run_failed_is_drawn_all_the_same(run):
    records = [run({"optim.lr": lr}, None, status="failed") for lr in RATES]
    assert png(area_by_learning_rate(learning_rate_trials(records))).startswith(b"\x89PNG")


def test_a_learning_rate_of_0_has_no_place_and_costs_the_others_nothing(run):
    table = learning_rate_trials([run({"optim.lr": lr}) for lr in (0, *RATES)])
    assert table["lr"].tolist() == list(RATES)
    assert learning_rate_trials([run({"optim.lr": lr}) for lr in (0, *RATES[:2])]) is None
    png(area_by_learning_rate(table))  # without a warning
