"""Reliability diagrams: observed share of malignant images over predicted probability, in bins and as smooth curves."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from skinexp.report.figures.style import COLOURS, INK, QUIET, legend_outside, new_figure, styled, wrapped

PANEL, COUNTS, PANELS_A_ROW = 2.9, 0.8, 4  # inches of a diagram's side, of the counts below it; diagrams side by side
STAGES: dict[str, dict[str, Any]] = {
    "before": {"color": COLOURS[1], "marker": "s", "markerfacecolor": "white", "linestyle": (0, (4, 2))},
    "after": {"color": COLOURS[0], "marker": "o", "linestyle": "-"},
}
NAMES = {"before": "uncalibrated", "after": "calibrated on validation images"}
REFERENCE: dict[str, Any] = {"color": QUIET, "linewidth": 1.2, "linestyle": (0, (1, 2))}
SMOOTH = "line and band: smooth curve (loess) with its 95 % band; points: bins"
NARROW = 0.05  # range of probabilities that are all but one: a curve over them is a vertical line


def stages(points: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Returns the points of each stage; those after calibration only if it changed something."""
    found = {stage: points[points["stage"] == stage].reset_index(drop=True) for stage in STAGES}
    found = {stage: part for stage, part in found.items() if len(part)}
    if len(found) == 2 and found["before"].drop(columns="stage").equals(found["after"].drop(columns="stage")):
        del found["after"]
    return found


@styled
def reliability_diagrams(
    points: Mapping[str, pd.DataFrame], curves: Mapping[str, pd.DataFrame] | None = None
) -> Figure:
    """Draws a diagram per run: observed share of malignant over mean probability, and below it the images in each bin.

    Args:
        points: for each run the points of `Evidence.reliability`: columns `stage` ("before" or "after" calibration),
            `images`, `probability`, `malignant`, `low` and `high`.
        curves: for each run that has some the smooth curves, columns `stage`, `probability`, `observed`, `low`, `high`.

    Returns:
        A figure. Bars are 95 % CIs; a calibrated model lies on the diagonal.

    Raises:
        ValueError: if there is no run.
    """
    if not points:
        raise ValueError("points: give the points of one run at least. Received: none")
    columns = min(len(points), PANELS_A_ROW)
    rows = math.ceil(len(points) / columns)
    titles = [wrapped(run, PANEL - 0.35, 9.5) for run in points]
    height = PANEL + COUNTS + 0.19 * max(title.count("\n") + 1 for title in titles)
    figure = new_figure(PANEL * columns + 0.4, height * rows + 0.3)
    axes = figure.subplots(2 * rows, columns, squeeze=False, sharex=True, height_ratios=[PANEL, COUNTS] * rows)
    drawn: dict[str, None] = {}
    curves = curves or {}
    for place, (title, (run, of_run)) in enumerate(zip(titles, points.items(), strict=True)):
        row, column = divmod(place, columns)
        panel, below = axes[2 * row, column], axes[2 * row + 1, column]
        panel.set_title(title, fontsize=8.5)
        found = stages(of_run)
        smooth = _smooth(curves.get(run), found)
        _draw_points(panel, found, smooth)
        _draw_counts(below, found)
        drawn |= dict.fromkeys(found)
        if column == 0:
            panel.set_ylabel("Observed share of malignant")
            below.set_ylabel("Images")
    for place in range(len(points), rows * columns):
        row, column = divmod(place, columns)
        axes[2 * row, column].set_visible(False)
        axes[2 * row + 1, column].set_visible(False)
    entries = {NAMES[stage]: Line2D([], [], **STAGES[stage]) for stage in STAGES if stage in drawn}
    entries["perfect calibration"] = Line2D([], [], **REFERENCE)
    if curves:
        entries[SMOOTH] = Line2D([], [], color=QUIET)
    legend_outside(figure, "outside lower center", entries)
    return figure


def _smooth(curves: pd.DataFrame | None, found: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Returns the smooth curve of each stage that is drawn; a collapsed network, with one probability, has none."""
    if curves is None:
        return {}
    parts = {stage: curves[curves["stage"] == stage] for stage in found}
    return {stage: part for stage, part in parts.items() if len(part) and np.ptp(part["probability"]) > NARROW}


def _draw_points(panel: Axes, found: Mapping[str, pd.DataFrame], smooth: Mapping[str, pd.DataFrame]) -> None:
    panel.plot([0, 1], [0, 1], zorder=1, **REFERENCE)
    for stage, part in found.items():
        known = part[part["images"] > 0]
        malignant = known["malignant"].to_numpy(dtype=float)
        ends = np.abs(known[["low", "high"]].to_numpy(dtype=float).T - malignant)
        look = STAGES[stage] | ({"linestyle": "none"} if smooth else {})
        panel.errorbar(
            known["probability"], malignant, yerr=ends, elinewidth=0.9, markersize=4.5, linewidth=1.2, **look
        )
    for stage, curve in smooth.items():
        colour, dashes = STAGES[stage]["color"], STAGES[stage]["linestyle"]
        panel.fill_between(curve["probability"], curve["low"], curve["high"], color=colour, alpha=0.15, linewidth=0)
        panel.plot(curve["probability"], curve["observed"], color=colour, linestyle=dashes, linewidth=1.5)
    panel.set_xlim(-0.02, 1.02)
    panel.set_ylim(-0.02, 1.02)


def _draw_counts(below: Axes, found: Mapping[str, pd.DataFrame]) -> None:
    """How many images each point stands for: the last stage filled, the one before it as an outline."""
    edges = np.linspace(0, 1, 1 + max(len(part) for part in found.values())) if found else np.linspace(0, 1, 2)
    for stage, part in found.items():
        colour = STAGES[stage]["color"]
        filled = stage == [*found][-1]
        below.stairs(part["images"], edges, fill=filled, color=colour, alpha=0.35 if filled else 1.0, linewidth=1.1)
    highest = max((int(part["images"].max()) for part in found.values()), default=1)
    below.set_ylim(0, 1.15 * max(highest, 1))
    below.set_yticks([0, highest], ["0", f"{highest:,}"])
    below.grid(False)
    below.set_xlabel("Predicted probability of malignant", color=INK)
