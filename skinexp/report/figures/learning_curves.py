"""Learning curves: loss, accuracy and ROC-AUC by epoch, on training and validation images."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from skinexp.report.figures.style import INK, QUIET, Look, legend_outside, looks, new_figure, styled, text_width

PANELS = {"loss": "Loss", "accuracy": "Accuracy", "auc": "AUC"}  # history column -> title
PHASES = {"train": "all layers", "head": "head", "fine_tune": "fine-tuning"}  # history's word -> the reader's
OTHER = "#f0f0f0"
SHADES = {"train": OTHER, "head": "#dedede", "fine_tune": "#b4b4b4"}
PANEL_WIDTH, PANEL_HEIGHT, STRIP_HEIGHT = 3.7, 2.9, 0.22  # inches

VALIDATION: dict[str, Any] = {"linestyle": "-", "linewidth": 1.7, "markersize": 4.5}
TRAINING: dict[str, Any] = {"linestyle": (0, (4, 2)), "linewidth": 1.1}
KEPT: dict[str, Any] = {
    "linestyle": "",
    "marker": "o",
    "markersize": 10,
    "markerfacecolor": "none",
    "markeredgecolor": INK,
    "markeredgewidth": 1.3,
    "clip_on": False,  # the last epoch stands on the edge
}


@styled
def learning_curves(histories: Mapping[str, pd.DataFrame]) -> Figure:
    """Draws loss, accuracy and ROC-AUC over epochs: training dashed, validation solid, the kept epoch ringed.

    If a run had more than one phase, a dotted line marks each change, and a strip below the panels names the phases.

    Args:
        histories: for each run its history, one row per epoch: `epoch` (from 1, counting on through phases), `phase`
            ("train", "head" or "fine_tune"), `best` (whether the epoch's weights were kept), and `train/loss`,
            `val/loss`, and the same of `accuracy` and `auc`; a column that is missing is not drawn.

    Returns:
        A figure with a panel per score.

    Raises:
        ValueError: if there is no run.
    """
    if not histories:
        raise ValueError("histories: give the history of one run at least. Received: none")
    has_phases = any(history["phase"].nunique() > 1 for history in histories.values())
    phases = dict.fromkeys(phase for history in histories.values() for phase in history["phase"]) if has_phases else {}
    heights = [PANEL_HEIGHT, STRIP_HEIGHT * len(histories)] if has_phases else [PANEL_HEIGHT]
    figure = new_figure(PANEL_WIDTH * len(PANELS), sum(heights) + 0.3)
    axes = figure.subplots(len(heights), len(PANELS), sharex=True, squeeze=False, height_ratios=heights)

    run_looks = looks(list(histories))
    for panel, (name, title) in zip(axes[0], PANELS.items(), strict=True):
        panel.set_title(title)
        for run, history in histories.items():
            _draw_run(panel, history, name, run_looks[run])
        _scale(panel, name, histories)
    if has_phases:
        for strip in axes[1]:
            _draw_phases(strip, histories, run_looks)
    for bottom in axes[-1]:
        bottom.set_xlabel("Epoch")
        bottom.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        bottom.set_xlim(0.5, max(history["epoch"].max() for history in histories.values()) + 0.5)
    _draw_legends(figure, run_looks, phases)
    return figure


def _draw_run(panel: Axes, history: pd.DataFrame, name: str, look: Look) -> None:
    epochs = history["epoch"].to_numpy(dtype=float)
    for boundary in _boundaries(history):
        panel.axvline(boundary, color=look.colour, linewidth=0.9, linestyle=":", zorder=1)
    if f"train/{name}" in history:
        panel.plot(epochs, history[f"train/{name}"].to_numpy(dtype=float), color=look.colour, **TRAINING)
    if f"val/{name}" in history:
        values = history[f"val/{name}"].to_numpy(dtype=float)
        every = max(1, len(epochs) // 6)  # a marker on each of a hundred epochs would hide the line
        panel.plot(epochs, values, color=look.colour, marker=look.marker, markevery=every, **VALIDATION)
        kept = history["best"].to_numpy(dtype=bool) & np.isfinite(values)
        if kept.any():
            panel.plot(epochs[kept], values[kept], zorder=3, **KEPT)


def _scale(panel: Axes, name: str, histories: Mapping[str, pd.DataFrame]) -> None:
    """Limits in which noise looks like noise, and one bad epoch does not flatten all others."""
    columns = [
        history[column].to_numpy(dtype=float)
        for history in histories.values()
        for column in (f"train/{name}", f"val/{name}")
        if column in history
    ]
    values = np.concatenate([*columns, []])
    values = values[np.isfinite(values)]
    if values.size == 0:
        panel.text(0.5, 0.5, "no finite value", transform=panel.transAxes, ha="center", va="center", color=QUIET)
    elif name != "loss":
        panel.set_ylim(min(0.45, values.min() - 0.03), 1.005)  # a model that learned nothing is near 0.5 in both
    elif values.min() > 0 and values.max() > 10 * values.min():
        panel.set_yscale("log")
        panel.set_title(f"{PANELS[name]} (logarithmic)")
        panel.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        panel.yaxis.set_minor_formatter(NullFormatter())
    else:
        panel.set_ylim(0, 1.06 * values.max())


def _draw_phases(strip: Axes, histories: Mapping[str, pd.DataFrame], run_looks: Mapping[str, Look]) -> None:
    """A bar a run, shaded and named by phase; the first run on top, as in the legend."""
    last_epoch = max(history["epoch"].max() for history in histories.values())
    for row, (run, history) in enumerate(histories.items()):
        edges = [history["epoch"].min() - 0.5, *_boundaries(history), history["epoch"].max() + 0.5]
        starts = history.loc[history["epoch"].isin([edge + 0.5 for edge in edges[:-1]]), "phase"]
        for phase, start, end in zip(starts, edges, edges[1:], strict=False):
            strip.barh(row, end - start, left=start, height=0.85, color=SHADES.get(phase, OTHER), edgecolor="white")
            name, room = PHASES.get(phase, phase), (end - start) / last_epoch * PANEL_WIDTH * 0.85
            if text_width(name, 7) + 0.1 < room:
                strip.text((start + end) / 2, row, name, ha="center", va="center_baseline", fontsize=7)
        look = run_looks[run]
        strip.plot(edges[0], row, color=look.colour, marker=look.marker, clip_on=False, zorder=3)
    strip.set_ylim(len(histories) - 0.5, -0.5)
    strip.set_yticks([])
    strip.grid(False)
    strip.spines["left"].set_visible(False)


def _boundaries(history: pd.DataFrame) -> list[float]:
    """Where a phase follows another, halfway between their epochs."""
    changes = history["phase"].ne(history["phase"].shift()) & (history["epoch"] > history["epoch"].min())
    return [epoch - 0.5 for epoch in history.loc[changes, "epoch"]]


def _draw_legends(figure: Figure, run_looks: Mapping[str, Look], phases: Iterable[str]) -> None:
    """Above, what a line means; below, whose it is."""
    meanings: dict[str, Artist] = {
        "validation": Line2D([], [], color=INK, **VALIDATION),
        "training": Line2D([], [], color=INK, **TRAINING),
        "epoch whose weights are kept": Line2D([], [], **KEPT),
    }
    meanings |= {f"phase: {PHASES.get(phase, phase)}": Patch(color=SHADES.get(phase, OTHER)) for phase in phases}
    runs = {run: Line2D([], [], color=look.colour, marker=look.marker) for run, look in run_looks.items()}
    legend_outside(figure, "outside upper left", meanings)
    legend_outside(figure, "outside lower center", runs)
