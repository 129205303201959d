"""What predictions are worth, drawn: ROC and precision-recall curves, and confusion matrices side by side."""

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
from skinexp.evaluation import (
    CLASSES,
    confusion_counts,
    precision_recall_points,
    ranking_scores,
    roc_points,
    threshold_scores,
    why_undefined,
)
from skinexp.report.figures.style import QUIET, Look, legend_outside, looks, new_figure, styled, wrapped

SIDE = 4.6  # inches of the square that curves are drawn in
PANEL, PANELS_A_ROW = 2.8, 4  # inches of a confusion matrix, and how many stand side by side
REFERENCE: dict[str, Any] = {"color": QUIET, "linewidth": 1.2, "linestyle": (0, (1, 2))}
MARK: dict[str, Any] = {"linestyle": "", "markersize": 8, "markeredgecolor": "white", "markeredgewidth": 1.0}


@styled
def roc_curves(
    predictions: Mapping[str, pd.DataFrame], split: str = "test", bands: Mapping[str, pd.DataFrame] | None = None
) -> Figure:
    """The ROC curve of each run in one plot, its area in the legend.

    A mark on each curve is where the threshold 0.5 puts the run. A collapsed model has it in a corner, whatever its
    area.

    Args:
        predictions: for each run its predictions table, with columns `split`, `label`, `logit` and `probability`.
        split: "val" or "test".
        bands: for some of the runs their 95 % band, columns `false_positive_rate`, `low` and `high`.

    Returns:
        A figure with one square plot. A run whose curve is undefined stands in the legend only, with the reason.

    Raises:
        ValueError: where there is no run.
    """
    parts = _parts(predictions, split)
    figure, axes = _square(f"ROC, {_describe(parts, split)}")
    entries: dict[str, Artist] = {}
    for run, look in looks(list(parts)).items():
        part = parts[run]
        at_half = threshold_scores(part["label"], part["probability"], 0.5)
        curve = roc_points(part["label"], part["logit"])
        _fill(axes, (bands or {}).get(run), "false_positive_rate", look)
        axes.plot(curve.false_positive_rate, curve.sensitivity, color=look.colour, linestyle=look.dashes)
        _mark(axes, 1 - at_half["specificity"], at_half["recall"], look)
        entries[f"{run} (AUC {_area(part, 'roc_auc')})"] = _sample(look)
    (entries["chance (AUC .500)"],) = axes.plot([0, 1], [0, 1], zorder=1, **REFERENCE)
    axes.set_xlabel("False positive rate (1 - specificity)")
    axes.set_ylabel("True positive rate (sensitivity)")
    _add_legend(figure, entries)
    return figure


@styled
def precision_recall_curves(
    predictions: Mapping[str, pd.DataFrame], split: str = "test", bands: Mapping[str, pd.DataFrame] | None = None
) -> Figure:
    """The precision-recall curve of each run in one plot, its average precision in the legend.

    A mark on each curve is where the threshold 0.5 puts the run; there is none where it calls no image malignant.

    Args:
        predictions: for each run its predictions table, with columns `split`, `label`, `logit` and `probability`.
        split: "val" or "test".
        bands: for some of the runs their 95 % band, columns `recall`, `low` and `high`.

    Returns:
        A figure with one square plot, and in it a line at the prevalence: the precision of guessing.

    Raises:
        ValueError: where there is no run.
    """
    parts = _parts(predictions, split)
    figure, axes = _square(f"Precision and recall, {_describe(parts, split)}")
    entries: dict[str, Artist] = {}
    for run, look in looks(list(parts)).items():
        part = parts[run]
        at_half = threshold_scores(part["label"], part["probability"], 0.5)
        curve = precision_recall_points(part["label"], part["logit"])
        _fill(axes, (bands or {}).get(run), "recall", look)
        axes.step(curve.recall, curve.precision, where="pre", color=look.colour, linestyle=look.dashes)
        _mark(axes, at_half["recall"], at_half["precision"], look)
        entries[f"{run} (average precision {_area(part, 'average_precision')})"] = _sample(look)
    for prevalence in sorted({part["label"].mean() for part in parts.values() if len(part)}):
        (entries[f"prevalence {three_decimals(prevalence)}"],) = axes.plot(
            [0, 1], [prevalence] * 2, zorder=1, **REFERENCE
        )
    axes.set_xlabel("Recall (sensitivity)")
    axes.set_ylabel("Precision (positive predictive value)")
    _add_legend(figure, entries)
    return figure


@styled
def confusion_matrices(
    predictions: Mapping[str, pd.DataFrame],
    thresholds: Mapping[str, float],
    split: str = "test",
    words: Mapping[str, str] | None = None,
) -> Figure:
    """How many images of each class each run calls benign and malignant, a panel a run, side by side.

    Args:
        predictions: for each run its predictions table, with columns `split`, `label` and `probability`.
        thresholds: for each run, the probability from which on an image is called malignant; NaN where undefined.
        split: "val" or "test".
        words: for each run, the threshold in words; by default the number.

    Returns:
        A figure. Each cell shows a count and its share of the true class, which also shades it.

    Raises:
        ValueError: where there is no run, or a run without a threshold.
    """
    parts = _parts(predictions, split)
    missing = [run for run in parts if run not in thresholds]
    if missing:
        raise ValueError(
            f"thresholds: give one for each run; none for {', '.join(missing)}. Received: {dict(thresholds)}"
        )
    columns = min(len(parts), PANELS_A_ROW)
    rows = math.ceil(len(parts) / columns)
    shown = words or {run: _show(thresholds[run]) for run in parts}
    titles = [f"{wrapped(run, PANEL - 0.35, 9.5)}\nthreshold {shown[run]}" for run in parts]
    title_height = 0.19 * max(title.count("\n") + 1 for title in titles)
    width, height = PANEL * columns + 0.3, (PANEL + title_height) * rows
    figure = new_figure(width, height + 0.55)
    panels = figure.subplots(rows, columns, squeeze=False)
    for panel, title, (run, part) in zip(panels.flat, titles, parts.items(), strict=False):
        panel.set_title(title, fontsize=8.5)
        _draw_counts(panel, confusion_counts(part["label"], part["probability"], thresholds[run]))
    for panel in panels.flat[len(parts) :]:
        panel.set_visible(False)
    for panel in panels[:, 0]:
        panel.set_ylabel("True class")
    note = f"Called class. {_describe(parts, split).capitalize()}. Percentages of the true class."
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


def _parts(predictions: Mapping[str, pd.DataFrame], split: str) -> dict[str, pd.DataFrame]:
    if not predictions:
        raise ValueError("predictions: give the predictions of one run at least. Received: none")
    return {run: table[table["split"] == split] for run, table in predictions.items()}


def _describe(parts: Mapping[str, pd.DataFrame], split: str) -> str:
    """The split and its size, where all runs have the same."""
    sizes = {(len(part), int(part["label"].sum())) for part in parts.values()}
    if len(sizes) > 1:
        return f"{split} images differ between runs"
    images, malignant = sizes.pop()
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


def _area(part: pd.DataFrame, name: str) -> str:
    reason = why_undefined(part["label"], part["logit"])
    return (
        three_decimals(ranking_scores(part["label"], part["logit"])[name]) if reason is None else f"undefined: {reason}"
    )


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
