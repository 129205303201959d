"""The curve of a learning-rate range test: loss against learning rate, and the suggested rate."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from skinexp.core.number_format import two_digits
from skinexp.report.figures.style import COLOURS, QUIET, legend_outside, new_figure, styled

WIDTH, HEIGHT = 6.4, 3.4  # inches
ABOVE, BELOW = 0.2, 0.1  # room beside the descent, as shares of it: what soars would flatten all else

BATCHES: dict[str, Any] = {"color": COLOURS[0], "alpha": 0.3, "linewidth": 0.9}
AVERAGE: dict[str, Any] = {"color": COLOURS[0], "linewidth": 2.0}
SUGGESTED: dict[str, Any] = {"color": COLOURS[1], "linewidth": 1.5}
OTHER: dict[str, Any] = {"color": QUIET, "linewidth": 1.1, "linestyle": ":"}


@styled
def range_curve(name: str, curve: pd.DataFrame, suggested: float | None, steepest: float | None) -> Figure:
    """Draws the loss against the learning rate: each batch, the running average, and the suggested rate.

    Args:
        name: of the network and the data.
        curve: one row per step, with `lr`, `loss`, `smoothed_lr` and `smoothed`.
        suggested: the suggested rate; None: there is none.
        steepest: the rate at which the loss falls fastest; None: there is none.
    """
    figure = new_figure(WIDTH, HEIGHT)
    axes = figure.subplots()
    axes.set_title(f"Learning-rate range test: {name}")
    entries: dict[str, Artist] = {}
    entries["each batch"] = axes.plot(curve["lr"], curve["loss"], **BATCHES)[0]
    entries["running average"] = axes.plot(curve["smoothed_lr"], curve["smoothed"], **AVERAGE)[0]
    if steepest is not None:
        entries[f"steepest: {two_digits(steepest)}"] = axes.axvline(steepest, **OTHER)
    if suggested is not None:
        entries[f"suggested: {suggested:g}"] = _mark(axes, curve, suggested)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator())
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))  # as one types it
    axes.set_xlabel("Learning rate")
    axes.set_ylabel("Loss")
    axes.set_ylim(*_limits(curve))
    legend_outside(figure, "outside lower center", entries)
    return figure


def _mark(axes: Axes, curve: pd.DataFrame, rate: float) -> Line2D:
    """Draws a line at the rate, and a dot where the line crosses the average."""
    height = np.interp(np.log(rate), np.log(curve["smoothed_lr"]), curve["smoothed"])
    axes.plot(rate, height, marker="o", markersize=7, color=SUGGESTED["color"], zorder=4)
    return axes.axvline(rate, **SUGGESTED)


def _limits(curve: pd.DataFrame) -> tuple[float, float]:
    """Returns limits from below the lowest average to above the first ones."""
    lowest = float(curve["smoothed"].min())
    before = curve["loss"][: int(curve["smoothed"].argmin()) + 1]
    height = max(float(before.max()) - lowest, 0.05)
    return min(lowest - BELOW * height, float(before.min())), lowest + (1 + ABOVE) * height
