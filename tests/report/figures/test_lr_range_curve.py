"""The figure of a range test, as a reader sees it."""

import numpy as np
import pandas as pd
import pytest

from skinexp.report.figures.lr_range_curve import range_curve
from skinexp.report.figures.style import png


@pytest.fixture
def curve() -> pd.DataFrame:
    """A descent that ends in a loss that soars and is then no number."""
    rates = np.geomspace(1e-6, 1, 61)
    losses = 0.7 - 0.3 / (1 + np.exp(-4 * (np.log10(rates) + 3)))
    losses[-6:] = [1, 5, 50, 500, 5000, np.inf]
    return pd.DataFrame({"lr": rates, "loss": losses, "smoothed_lr": rates, "smoothed": losses}).iloc[:-1]


def legend(figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_rate_is_drawn_by_its_size(curve):
    (axes,) = range_curve("scratch", curve, 1e-3, 1e-2).axes
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "Learning rate"
    assert axes.get_title(loc="left") == "Learning-rate range test: scratch"


def test_batches_are_faint_and_their_average_is_strong(curve):
    (axes,) = range_curve("scratch", curve, None, None).axes
    batches, average = axes.lines
    np.testing.assert_array_equal(batches.get_ydata(), curve["loss"])
    np.testing.assert_array_equal(average.get_ydata(), curve["smoothed"])
    assert batches.get_alpha() < 0.5
    assert average.get_linewidth() > batches.get_linewidth()


def test_the_suggested_rate_is_marked_on_the_average(curve):
    figure = range_curve("scratch", curve, 1e-3, None)
    (dot,) = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert dot.get_xdata()[0] == 1e-3
    assert dot.get_ydata()[0] == pytest.approx(0.55, abs=0.01)
    assert "suggested: 0.001" in legend(figure)


def test_without_a_suggestion_nothing_is_marked(curve):
    figure = range_curve("scratch", curve, None, None)
    assert legend(figure) == ["each batch", "running average"]


def test_a_loss_that_soars_does_not_flatten_the_descent(curve):
    bottom, top = range_curve("scratch", curve, 1e-3, 1e-2).axes[0].get_ylim()
    assert bottom < 0.4
    assert 0.7 < top < 1.5


@pytest.mark.parametrize("losses", [[0.7], [0.7, np.nan], [0.7] * 20])
def test_a_curve_without_a_descent_is_drawn_too(losses):
    rates = np.geomspace(1e-6, 1, len(losses)) if len(losses) > 1 else np.array([1e-6])
    curve = pd.DataFrame({"lr": rates, "loss": losses, "smoothed_lr": rates, "smoothed": losses})
    assert png(range_curve("scratch", curve, None, None))
