"""Learning curves, as a reader sees them."""

import matplotlib
import numpy as np
import pandas as pd
import pytest

from skinexp.report.figures.learning_curves import learning_curves
from skinexp.report.figures.style import png


def history(head, fine_tune=0, best=0):
    """A history of so many epochs a phase, with the weights of row `best` kept."""
    epochs = head + fine_tune
    first = "head" if fine_tune else "train"
    table = pd.DataFrame({"epoch": range(1, epochs + 1), "phase": [first] * head + ["fine_tune"] * fine_tune})
    rising = 1 - 0.5 * np.exp(-table["epoch"] / 5)
    for split, gap in (("train", 0.0), ("val", 0.05)):
        table[f"{split}/loss"] = 1.2 - rising + gap
        table[f"{split}/accuracy"] = rising - gap - 0.1
        table[f"{split}/auc"] = rising - gap
    return table.assign(seconds=1.0, lr=1e-3, best=table.index == best)


def legend_texts(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def line_of(panel, values):
    """The one line of a panel that shows these values."""
    (line,) = [line for line in panel.lines if np.array_equal(line.get_ydata(), values)]
    return line


def test_each_score_has_a_panel_over_epochs():
    figure = learning_curves({"scratch": history(6)})

    assert [panel.get_title(loc="left") for panel in figure.axes] == ["Loss", "Accuracy", "AUC"]
    assert {panel.get_xlabel() for panel in figure.axes} == {"Epoch"}


@pytest.mark.parametrize(("panel", "name"), [(0, "loss"), (1, "accuracy"), (2, "auc")])
def test_training_is_dashed_and_validation_is_solid(panel, name):
    table = history(6)

    panel = learning_curves({"scratch": table}).axes[panel]

    assert line_of(panel, table[f"train/{name}"]).get_linestyle() == "--"
    assert line_of(panel, table[f"val/{name}"]).get_linestyle() == "-"


def test_runs_differ_in_marker_as_well_as_in_colour():
    tables = {"scratch": history(6), "mobilenet": history(5).assign(**{"val/loss": 0.4})}

    figure = learning_curves(tables)

    lines = [line_of(figure.axes[0], table["val/loss"]) for table in tables.values()]
    assert len({line.get_marker() for line in lines}) == len({line.get_color() for line in lines}) == 2
    assert legend_texts(figure)[-2:] == ["scratch", "mobilenet"]


def test_the_kept_epoch_is_ringed_on_the_validation_curve():
    table = history(6, best=3)

    figure = learning_curves({"scratch": table})

    ring = line_of(figure.axes[0], [table["val/loss"][3]])
    assert ring.get_xdata() == [4]
    assert "epoch whose weights are kept" in legend_texts(figure)


def test_phases_are_divided_by_a_line_and_named_below():
    figure = learning_curves({"scratch": history(12), "mobilenet": history(6, fine_tune=4)})

    panel, strip = figure.axes[0], figure.axes[3]
    dotted = [line.get_xdata()[0] for line in panel.lines if line.get_linestyle() == ":"]
    assert dotted == [6.5]  # between the last epoch of the head and the first of fine-tuning
    assert [text.get_text() for text in strip.texts] == ["all layers", "head", "fine-tuning"]
    assert {"phase: all layers", "phase: head", "phase: fine-tuning"} <= set(legend_texts(figure))


def test_a_name_that_does_not_fit_into_its_phase_is_left_to_the_legend():
    figure = learning_curves({"mobilenet": history(99, fine_tune=1)})

    assert [text.get_text() for text in figure.axes[3].texts] == ["head"]
    assert "phase: fine-tuning" in legend_texts(figure)


def test_noise_around_chance_is_not_stretched_over_the_panel():
    table = history(6).assign(**{"train/auc": 0.5, "val/auc": [0.49, 0.51, 0.5, 0.49, 0.5, 0.51]})

    low, high = learning_curves({"collapsed": table}).axes[2].get_ylim()

    assert high - low > 0.5


def test_a_loss_that_exploded_once_gets_a_logarithmic_scale_that_says_so():
    table = history(6)
    table.loc[0, "val/loss"] = 50.0

    panel = learning_curves({"scratch": table}).axes[0]

    assert panel.get_yscale() == "log"
    assert panel.get_title(loc="left") == "Loss (logarithmic)"


def test_a_run_that_diverged_or_lacks_a_column_is_still_drawn():
    diverged = history(5, fine_tune=2).assign(best=False, **{"train/loss": np.nan, "val/loss": np.nan})
    figure = learning_curves({"diverged": diverged.drop(columns="train/auc"), "one epoch": history(1)})
    assert png(figure).startswith(b"\x89PNG")

    alone = learning_curves({"diverged": diverged})
    assert [text.get_text() for text in alone.axes[0].texts] == ["no finite value"]
    assert png(alone).startswith(b"\x89PNG")


def test_long_names_of_many_runs_stay_within_the_figure():
    name = "model=efficientnet,optim.lr=0.0001,data.preprocess.remove_hair=false,augment.rotation=0.25"
    figure = learning_curves({f"{name},seed={seed}": history(4, fine_tune=2) for seed in range(8)})
    png(figure)  # lays the legends out

    page = figure.bbox
    for legend in figure.legends:
        frame = legend.get_window_extent()
        assert page.x0 <= frame.x0 < frame.x1 <= page.x1
        assert page.y0 <= frame.y0 < frame.y1 <= page.y1


def test_the_callers_matplotlib_settings_are_left_alone():
    before = dict(matplotlib.rcParams)

    learning_curves({"scratch": history(3)})

    assert dict(matplotlib.rcParams) == before


def test_no_run_is_refused():
    with pytest.raises(ValueError, match="histories: give the history of one run at least"):
        learning_curves({})
