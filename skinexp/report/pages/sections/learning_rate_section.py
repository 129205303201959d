"""Validation ROC-AUC against the learning rate."""

import pandas as pd

from skinexp.comparison.analyse import Comparison
from skinexp.core.number_format import three_decimals
from skinexp.report.figures.lr_sweep import area_by_learning_rate
from skinexp.report.pages.captioned import Captioned
from skinexp.report.pages.embedded_figure import embed
from skinexp.report.pages.section import Content, Section

CAPTION = (
    "A learning rate is chosen on validation images. Failed runs are drawn on the lower edge; lines connect the means "
    "of runs that differ in their seeds."
)


def content(comparison: Comparison) -> Content | None:
    """Returns the figure; None if too few learning rates were tried."""
    trials = comparison.learning_rates
    return None if trials is None else {"figures": [learning_rate_figure(trials)]}


def learning_rate_figure(trials: pd.DataFrame) -> Captioned:
    """Returns the figure of the trials that `learning_rate_trials` found."""
    points = [
        f"{line or 'learning rate'} {lr:g}: {three_decimals(auc)}, {state}{note and f' ({note})'}"
        for line, lr, auc, state, note in trials[["line", "lr", "auc", "state", "note"]].itertuples(index=False)
    ]
    alternative = f"Validation ROC-AUC against the learning rate. {'; '.join(points)}."
    return Captioned(CAPTION, embed(area_by_learning_rate(trials), alternative))


SECTION = Section("rates", "ROC-AUC against learning rate", "figures.html.j2", content)
