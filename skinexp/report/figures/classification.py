"""ROC curves, precision-recall curves, and confusion matrices side by side."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from skinexp.core.number_format import three_decimals
from skinexp.evaluation import CLASSES
from skinexp.evaluation.split_curves import ConfusionMatrix, SplitCurves
from skinexp.report.figures.style import QUIET, Look, legend_outside, looks, new_figure, styled, wrapped

SIDE = 4.6  # inches of the square that curves are drawn in
PANEL, PANELS_A_ROW = 2.8, 4  # inches of a confusion matrix, and how many stand side by side
REFERENCE: dict[str, Any] = {"color": QUIET, "linewidth": 1.2, "linestyle": (0, (1, 2))}
MARK: dict[str, Any] = {"linestyle": "", "markersize": 8, "markeredgecolor": "white", "markeredgewidth": 1.0}


@styled
def roc_curves(curves: Mapping[str, SplitCurves], bands: Mapping[str, pd.DataFrame] | None = None) -> Figure:
    """Draws the ROC curve of each run in one plot, its ROC-AUC in the legend.

    A mark on each curve shows the run at threshold 0.5. A collapsed model has it in a corner, whatever its ROC-AUC.

    Args:
        curves: for each run what `split_curves` returns, all of one split.
        bands: for some of the runs their 95 % confidence band, columns `false_positive_rate`, `low` and `high`.

    Returns:
        A figure with one square plot. A run whose curve is undefined appears in the legend only, with the reason.

    Raises:
        ValueError: if there is no run.
    """
    figure, axes = _square(f"ROC, {_describe(curves)}")
    entries: dict[str, Artist] = {}
    for run, look in looks(list(curves)).items():
        own = curves[run]
        _fill(axes, (bands or {}).get(run), "false_positive_rate", look)
        axes.plot(own.roc.false_positive_rate, own.roc.sensitivity, color=look.colour, linestyle=look.dashes)
        _mark(axes, 1 - own.at_half["specificity"], own.at_half["recall"], look)
        entries[f"{run} (ROC-AUC {_area(own, 'roc_auc')})"] = _sample(look)
    (entries["chance (ROC-AUC 0.500)"],) = axes.plot([0, 1], [0, 1], zorder=1, **REFERENCE)
    axes.set_xlabel("False positive rate (1 - specificity)")
    axes.set_ylabel("True positive rate (sensitivity)")
    _add_legend(figure, entries)
    return figure


@styled
def precision_recall_curves(
    curves: Mapping[str, SplitCurves], bands: Mapping[str, pd.DataFrame] | None = None
) -> Figure:
    """Draws the precision-recall curve of each run in one plot, its average precision in the legend.

    A mark on each curve shows the run at threshold 0.5; there is none if it predicts malignant for no image.

    Args:
        curves: for each run what `split_curves` returns, all of one split.
        bands: for some of the runs their 95 % confidence band, columns `recall`, `low` and `high`.

    Returns:
        A figure with one square plot, and in it a line at the prevalence: the precision of guessing.

    Raises:
        ValueError: if there is no run.
    """
    figure, axes = _square(f"Precision and recall, {_describe(curves)}")
    entries: dict[str, Artist] = {}
    for run, look in looks(list(curves)).items():
        own = curves[run]
        points = own.precision_recall
        _fill(axes, (bands or {}).get(run), "recall", look)
        axes.step(points.recall, points.precision, where="pre", color=look.colour, linestyle=look.dashes)
        _mark(axes, own.at_half["recall"], own.at_half["precision"], look)
        entries[f"{run} (average precision {_area(own, 'average_precision')})"] = _sample(look)
    for prevalence in sorted({own.malignant / own.images for own in curves.values() if own.images}):
        (entries[f"prevalence {three_decimals(prevalence)}"],) = axes.plot(
            [0, 1], [prevalence] * 2, zorder=1, **REFERENCE
        )
    axes.set_xlabel("Recall (sensitivity)")
    axes.set_ylabel("Precision (positive predictive value)")
    _add_legend(figure, entries)
    return figure


@styled
def confusion_matrices(matrices: Mapping[str, ConfusionMatrix], thresholds: Mapping[str, str] | None = None) -> Figure:
    """Draws the number of images by true and predicted class, a panel per run, side by side.

    Args:
        matrices: for each run what `confusion_matrix` returns, all of one split.
        thresholds: for each run its threshold as text; by default the number.

    Returns:
        A figure. Each cell shows a count and its share of the true class, which also shades it.

    Raises:
        ValueError: if there is no run.
    """
    note = f"Predicted class. {_describe(matrices).capitalize()}. Percentages of the true class."
    columns = min(len(matrices), PANELS_A_ROW)
    rows = math.ceil(len(matrices) / columns)
    shown = thresholds or {run: _show(own.threshold) for run, own in matrices.items()}
    titles = [f"{wrapped(run, PANEL - 0.35, 9.5)}\nthreshold {shown[run]}" for run in matrices]
    title_height = 0.19 * max(title.count("\n") + 1 for title in titles)
    width, height = PANEL * columns + 0.3, (PANEL + title_height) * rows
    figure = new_figure(width, height + 0.55)
    panels = figure.subplots(rows, columns, squeeze=False)
    for panel, title, own in zip(panels.flat, titles, matrices.values(), strict=False):
        panel.set_title(title, fontsize=8.5)
        _draw_counts(panel, own.counts)
    for panel in panels.flat[len(matrices) :]:
        panel.set_visible(False)
    for panel in panels[:, 0]:
        panel.set_ylabel("True class")
    figure.supxlabel(wrapped(note, width, 9), fontsize=9)
    return figure


def _draw_counts(panel: Axes, counts: np.ndarray | None) -> None:
    panel.set_xticks([0, 1], list(CLASSES))
    panel.set_yticks([0, 1], list(CLASSES), rotation=90, va="center")
    panel.tick_params(length=0)
    panel.grid(False)
    panel.spines[:].set_visible(False)
    totals = np.zeros((2, 1)) if counts is None else counts.sum(axis=1, keepdims=True)
    shares = np.divide(np.zeros((2, 2)) if counts is None else counts, totals, out=np.zeros((2, 2)), where=totals > 0)
    panel.imshow(shares, cmap="Blues", vmin=0, vmax=1.75)  # up to a blue on which dark figures can be read
    if counts is None:
        panel.text(0.5, 0.5, "threshold or\nprobabilities\nnot a number", ha="center", va="center", color=QUIET)
        return
    for (row, column), count in np.ndenumerate(counts):
        panel.text(column, row - 0.06, f"{count:,}", ha="center", va="center", fontsize=14)
        share = f"{shares[row, column]:.0%}" if totals[row, 0] else "no images"
        panel.text(column, row + 0.22, share, ha="center", va="center", fontsize=8)


def _describe(runs: Mapping[str, SplitCurves] | Mapping[str, ConfusionMatrix]) -> str:
    """Returns the split and its size, if all runs have the same.

    Raises:
        ValueError: if there is no run.
    """
    if not runs:
        raise ValueError("predictions: give the predictions of one run at least. Received: none")
    sizes = {(own.split, own.images, own.malignant) for own in runs.values()}
    split, images, malignant = next(iter(sizes))
    if len(sizes) > 1:
        return f"{split} images differ between runs"
    return f"{split}: {images:,} images, {malignant:,} malignant"


def _show(threshold: float) -> str:
    return "undefined" if math.isnan(threshold) else f"{threshold:.4g}"


def _square(title: str) -> tuple[Figure, Axes]:
    figure = new_figure(SIDE + 0.6, SIDE + 0.8)
    axes = figure.subplots()
    axes.set_title(wrapped(title, SIDE - 0.3, 11))
    axes.set_aspect("equal")
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    return figure, axes


def _area(own: SplitCurves, name: str) -> str:
    return three_decimals(own.scores[name]) if own.undefined is None else f"undefined: {own.undefined}"


def _fill(axes: Axes, band: pd.DataFrame | None, over: str, look: Look) -> None:
    if band is not None:
        axes.fill_between(band[over], band["low"], band["high"], color=look.colour, alpha=0.13, linewidth=0, zorder=1)


def _mark(axes: Axes, x: float, y: float, look: Look) -> None:
    if math.isfinite(x) and math.isfinite(y):
        axes.plot(x, y, color=look.colour, marker=look.marker, clip_on=False, zorder=3, **MARK)


def _sample(look: Look) -> Line2D:
    return Line2D([], [], color=look.colour, linestyle=look.dashes, marker=look.marker)


def _add_legend(figure: Figure, entries: dict[str, Artist]) -> None:
    legend_outside(
        figure,
        "outside lower center",
        entries | {"mark on a curve: threshold 0.5": Line2D([], [], color=QUIET, marker="o", **MARK)},
    )
