"""Decision curves: the net benefit of each run's probabilities, beside excising every lesion and none."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from skinexp.report.figures.style import INK, QUIET, legend_outside, looks, new_figure, styled

WIDTH, HEIGHT = 6.6, 3.6  # inches
EVERY = 12  # points between two markers
ALL: dict[str, Any] = {"color": QUIET, "linewidth": 1.2, "linestyle": (0, (4, 2))}
NONE: dict[str, Any] = {"color": INK, "linewidth": 0.9, "linestyle": "-"}


@styled
def decision_curves(curves: Mapping[str, pd.DataFrame]) -> Figure:
    """Draws the net benefit of each run over threshold probabilities.

    Args:
        curves: for each run what `evaluation.decision_curve` returns.

    Returns:
        A figure with one plot. Net benefit far below 0 is cut off.

    Raises:
        ValueError: if there is no run.
    """
    if not curves:
        raise ValueError("curves: give the decision curve of one run at least. Received: none")
    figure = new_figure(WIDTH, HEIGHT)
    axes = figure.subplots()
    entries: dict[str, Artist] = {}
    for place, (run, look) in enumerate(looks(list(curves)).items()):
        curve = curves[run]
        start = place * 5 % EVERY  # else the markers of all runs stand on one another
        axes.plot(
            curve["threshold"], curve["model"], color=look.colour, linestyle=look.dashes, marker=look.marker,
            markersize=4.5, markevery=(start, EVERY), linewidth=1.5,
        )  # fmt: skip
        entries[run] = Line2D([], [], color=look.colour, linestyle=look.dashes, marker=look.marker)
    treat_all = next(iter(curves.values()))
    axes.plot(treat_all["threshold"], treat_all["treat_all"], zorder=1, **ALL)
    axes.axhline(0, zorder=1, **NONE)
    known = np.concatenate([curve[["model", "treat_all"]].to_numpy(dtype=float).ravel() for curve in curves.values()])
    highest = float(np.nanmax(known)) if np.isfinite(known).any() else 1.0
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.25 * max(highest, 0.02), 1.1 * max(highest, 0.02))
    axes.set_xlabel("Threshold probability for excision")
    axes.set_ylabel("Net benefit")
    entries |= {"excise all": Line2D([], [], **ALL), "excise none": Line2D([], [], **NONE)}
    legend_outside(figure, "outside lower center", entries)
    return figure
