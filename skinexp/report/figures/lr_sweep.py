"""Validation ROC-AUC against the learning rate: a line for each combination of the other swept settings."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter, NullLocator

from skinexp.comparison.learning_rate_trials import FAILED, UNEXAMINED
from skinexp.report.figures.style import INK, QUIET, legend_outside, looks, new_figure, styled, wrapped

MARKERS = {"ok": "o", "warning": "^", "collapsed": "X", FAILED: "v", UNEXAMINED: "s"}
WIDTH, HEIGHT = 8.4, 4.2  # inches
CHANCE = 0.5
STEP = 0.02  # of AUC, between runs that failed at one learning rate
NOTE = 6.5  # points


@styled
def area_by_learning_rate(trials: pd.DataFrame) -> Figure:
    """Draws a point per run, shaped by its health, and lines through the means of runs that differ in their seeds.

    Args:
        trials: as `learning_rate_trials` returns them.

    Returns:
        A figure with a logarithmic axis of learning rates; runs that failed stand on its lower edge, one above
        the other.
    """
    figure = new_figure(WIDTH, HEIGHT)
    panel = figure.subplots()
    rates = np.sort(trials["lr"].unique())
    floor = min(CHANCE, trials["auc"].min(skipna=True)) - 0.1 if trials["auc"].notna().any() else CHANCE - 0.1
    panel.set_xscale("log")
    panel.set_xticks(rates, [f"{rate:g}" for rate in rates])
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.set_ylim(floor, 1.0)
    panel.set(xlabel="Learning rate", ylabel="ROC-AUC on validation images")
    panel.axhline(CHANCE, color=QUIET, linestyle=":", linewidth=1)

    # One above the other, so that none hides another.
    failed = trials[trials["state"] == FAILED]
    heights = trials["auc"].where(trials["state"] != FAILED, floor + STEP * failed.groupby("lr").cumcount())
    line_looks = looks(list(trials["line"].unique()))
    for line, look in line_looks.items():
        own = trials[trials["line"] == line]
        means = own.groupby("lr")["auc"].mean().dropna()
        panel.plot(means.index, means, color=look.colour, linestyle=look.dashes, zorder=2)
        for state, runs in own.groupby("state"):
            panel.plot(
                runs["lr"], heights[runs.index], **_shape(str(state)), color=look.colour, clip_on=False, zorder=3
            )
    _write_notes(panel, trials.assign(height=heights), WIDTH / (len(rates) + 1))
    states: dict[str, Artist] = {
        state: Line2D([], [], color=INK, **_shape(state)) for state in MARKERS if (trials["state"] == state).any()
    }
    legend_outside(figure, "outside upper left", states)
    if any(line_looks):
        lines: dict[str, Artist] = {
            line: Line2D([], [], color=look.colour, linestyle=look.dashes) for line, look in line_looks.items()
        }
        legend_outside(figure, "outside lower center", lines)
    return figure


def _shape(state: str) -> dict[str, Any]:
    """Healthy runs are filled, so that the others stand out in print as well."""
    filled = {} if state in ("ok", UNEXAMINED) else {"markerfacecolor": "white", "markeredgewidth": 1.5}
    return {"marker": MARKERS[state], "markersize": 7, "linestyle": "", **filled}


def _write_notes(panel: Axes, trials: pd.DataFrame, width: float) -> None:
    """Labels runs at a learning rate once, below the lowest run; failed runs are labelled above."""
    noted = trials[trials["note"] != ""]
    alive, failed = noted[noted["state"] != FAILED], noted[noted["state"] == FAILED]
    below: dict[str, Any] = {"xytext": (0, -7), "va": "top"}
    above: dict[str, Any] = {"xytext": (0, 7), "va": "bottom"}
    labels = [(rate, runs["height"].min(), note, below) for (rate, note), runs in alive.groupby(["lr", "note"])]
    labels += [
        (rate, runs["height"].max(), "\n".join(runs["note"].unique()), above) for rate, runs in failed.groupby("lr")
    ]
    for rate, height, note, side in labels:
        text = wrapped(str(note), width, NOTE)
        note_box = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.5}
        panel.annotate(
            text, (rate, height), textcoords="offset points", ha="center", fontsize=NOTE, bbox=note_box, **side
        )
