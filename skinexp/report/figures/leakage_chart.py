"""Optimism from leakage as a figure: each pair's ROC-AUC with leakage and without it."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skinexp.comparison.leakage import LeakagePair
from skinexp.core.number_format import limits_text, three_decimals
from skinexp.evaluation import Interval
from skinexp.report.figures.style import COLOURS, INK, QUIET, new_figure, styled, text_width

LINE = 0.62  # inches of a pair's height
IMAGE_LEVEL, GROUPED = (COLOURS[1], "s", -0.14), (COLOURS[0], "o", 0.14)  # colour, marker, offset from the line


@styled
def leakage_chart(pairs: Sequence[LeakagePair]) -> Figure:
    """Draws a line per pair: the ROC-AUC with leakage and without it, with 95 % CIs, and an arrow for the optimism.

    Raises:
        ValueError: if there is no pair.
    """
    if not pairs:
        raise ValueError("pairs: give one pair at least. Received: none")
    margin = max(text_width(pair.name, 9) for pair in pairs) + 0.4
    figure = new_figure(margin + 5.6, LINE * len(pairs) + 1.25)
    axes = figure.subplots()
    for y, pair in enumerate(pairs):
        _draw_area(axes, y, pair.image_level, *IMAGE_LEVEL)
        _draw_area(axes, y, pair.grouped, *GROUPED)
        arrow = {"arrowstyle": "->", "color": INK, "lw": 1.2, "shrinkA": 5, "shrinkB": 5}
        ends = (pair.image_level.estimate, y - 0.14), (pair.grouped.estimate, y + 0.14)
        axes.annotate("", *ends, arrowprops=arrow)
    axes.axvline(0.5, color=QUIET, linewidth=1.0, linestyle=(0, (1, 2)), zorder=1)
    lowest = min((pair.grouped.low for pair in pairs if not math.isnan(pair.grouped.low)), default=0.5)
    axes.set_xlim(min(0.5, math.floor(10 * lowest) / 10), 1.0)
    axes.set_ylim(len(pairs) - 0.5, -0.5)
    axes.set_yticks(range(len(pairs)), [pair.name for pair in pairs])
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("Test ROC-AUC")
    handles = [
        axes.plot([], [], color=colour, marker=marker, linestyle="", label=label)[0]
        for (colour, marker, _), label in (
            (IMAGE_LEVEL, "copies on both sides of the split"),
            (GROUPED, "copies kept together"),
        )
    ]
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, frameon=False, borderaxespad=0.2)
    return figure


def _draw_area(axes: Axes, y: int, area: Interval, colour: str, marker: str, offset: float) -> None:
    ends = [[max(0.0, area.estimate - area.low)], [max(0.0, area.high - area.estimate)]]
    known = not math.isnan(ends[0][0] + ends[1][0])
    axes.errorbar(
        [area.estimate], [y + offset], xerr=ends if known else None, color=colour, marker=marker,
        markersize=7, elinewidth=1.8, linestyle="", zorder=3,
    )  # fmt: skip
    limits = limits_text(area.low, area.high)
    text = three_decimals(area.estimate) + (f" ({limits})" if limits else "")
    axes.text(1.015, y + offset, text, va="center", color=colour, fontsize=8)
