"""Learning curves of the finished runs."""

import math
from collections.abc import Mapping

import pandas as pd

from skinexp.comparison.analyse import Comparison
from skinexp.core.number_format import counted, three_decimals
from skinexp.report.figures.learning_curves import learning_curves
from skinexp.report.pages.captioned import Captioned
from skinexp.report.pages.embedded_figure import embed
from skinexp.report.pages.section import Content, Section

CAPTION = "Loss, accuracy and ROC-AUC by epoch, on training and on validation images."


def content(comparison: Comparison) -> Content | None:
    """Returns the figure; None if no run left a history."""
    histories = {run.name: run.history for run in comparison.finished if run.history is not None}
    if not histories:
        return None
    missing = [run.name for run in comparison.finished if run.history is None and not comparison.is_pooled(run)]
    return {"figure": learning_curve_figure(histories), "without_history": missing}


def learning_curve_figure(histories: Mapping[str, pd.DataFrame]) -> Captioned:
    """Returns the learning curves of all runs."""
    ends = []
    for name, history in histories.items():
        lowest = float(history["val/loss"].min()) if "val/loss" in history else math.nan
        ends.append(f"{name}: {counted(len(history), 'epoch')}, lowest validation loss {three_decimals(lowest)}")
    alternative = f"Learning curves on training and validation images, by epoch. {'; '.join(ends)}."
    return Captioned(CAPTION, embed(learning_curves(histories), alternative))


SECTION = Section("learning", "Learning curves", "learning_curves.html.j2", content)
