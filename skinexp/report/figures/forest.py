"""Forest plots: the ROC-AUC of each run by subgroup, with 95 % CIs."""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skinexp.core.number_format import three_decimals
from skinexp.report.figures.style import GRID, INK, QUIET, Look, looks, new_figure, styled, text_width, wrapped

PANEL, PANELS_A_ROW = 3.1, 3  # inches of a panel's width, and how many stand side by side
LINE = 0.235  # inches of a level's height
SIZE = 8  # points of the levels' names


@styled
def subgroup_forest(levels: Mapping[str, pd.DataFrame]) -> Figure:
    """Draws the test ROC-AUC of each level of each metadata column, a panel per run.

    Args:
        levels: for each run the table `Subgroups.levels`: columns `column`, `level`, `images`, `malignant`, `roc_auc`,
            `roc_auc_low`, `roc_auc_high` and `note`.

    Returns:
        A figure. A level without a ROC-AUC shows the reason in its place.

    Raises:
        ValueError: if there is no run, or none has a level.
    """
    lines = _lines(levels)
    if not lines:
        raise ValueError("levels: give the subgroups of one run at least. Received: none")
    names = [
        f"{level}  ({images:,}, {malignant:,} malignant)" if level else column
        for column, level, images, malignant in lines
    ]
    columns = min(len(levels), PANELS_A_ROW)
    rows = math.ceil(len(levels) / columns)
    titles = [wrapped(run, PANEL - 0.3, 9.5) for run in levels]
    margin = max(text_width(name, SIZE) for name in names) + 0.2
    height = LINE * (len(lines) + 1) + 0.5 + 0.19 * max(title.count("\n") + 1 for title in titles)
    figure = new_figure(PANEL * columns + margin, height * rows)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True)
    left = _left_end(levels)
    for place, (title, (run, look)) in enumerate(zip(titles, looks(list(levels)).items(), strict=True)):
        panel = panels.flat[place]
        panel.set_title(title, fontsize=8.5)
        _draw(panel, levels[run], lines, look, left)
        panel.set_yticks(range(len(lines)), names if place % columns == 0 else [""] * len(lines), fontsize=SIZE)
        for label, (_, level, _, _) in zip(panel.get_yticklabels(), lines, strict=True):
            label.set_fontweight("normal" if level else "bold")
    for panel in panels.flat[len(levels) :]:
        panel.set_visible(False)
    return figure


def _lines(levels: Mapping[str, pd.DataFrame]) -> list[tuple[str, str, int, int]]:
    """Returns a heading per column and a line per level, with the numbers of images and of malignant images."""
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for table in levels.values():
        for column, level, images, malignant in table[["column", "level", "images", "malignant"]].itertuples(
            index=False
        ):
            found.setdefault(str(column), {}).setdefault(str(level), (int(images), int(malignant)))
    return [
        line
        for column, counts in found.items()
        for line in [(column, "", 0, 0), *((column, level, *count) for level, count in counts.items())]
    ]


def _left_end(levels: Mapping[str, pd.DataFrame]) -> float:
    """Where the axes begin: at the lowest limit, so that differences are not squeezed into the right end."""
    lowest = min((float(table["roc_auc_low"].min()) for table in levels.values()), default=math.nan)
    return 0.4 if math.isnan(lowest) else max(0.0, math.floor(min(lowest, 0.5) * 10) / 10)


def _draw(panel: Axes, table: pd.DataFrame, lines: list[tuple[str, str, int, int]], look: Look, left: float) -> None:
    panel.set_xlim(left, 1.0)
    panel.set_ylim(len(lines) - 0.4, -0.6)
    panel.axvline(0.5, color=QUIET, linewidth=1.0, linestyle=(0, (1, 2)), zorder=1)
    rows = {(str(row.column), str(row.level)): row for row in table.itertuples()}
    for y, (column, level, _, _) in enumerate(lines):
        row = rows.get((column, level))
        if not level:
            continue
        area = math.nan if row is None else float(row.roc_auc)  # type: ignore[arg-type]
        if math.isnan(area):
            note = "no such images" if row is None else str(row.note or "undefined")
            panel.text(left + 0.02, y, note, va="center", color="#6b6b6b", fontsize=7.5, style="italic")
            continue
        ends = np.array([[area - float(row.roc_auc_low)], [float(row.roc_auc_high) - area]])  # type: ignore[union-attr, arg-type]
        known = np.isfinite(ends).all()
        panel.errorbar(
            [area], [y], xerr=np.clip(ends, 0, None) if known else None, color=look.colour, marker=look.marker,
            elinewidth=1.5, markersize=5.5, linestyle="", clip_on=False, zorder=3,
        )  # fmt: skip
        panel.text(
            1.03, y, three_decimals(area), va="center", fontsize=7.5, color=INK, transform=panel.get_yaxis_transform()
        )
    panel.grid(axis="y", visible=False)
    for y, (_, level, _, _) in enumerate(lines):
        if not level and y:
            panel.axhline(y - 0.5, color=GRID, linewidth=0.8, zorder=0)
    panel.tick_params(axis="y", length=0)
    panel.spines["left"].set_visible(False)
    panel.set_xlabel("Test ROC-AUC")
