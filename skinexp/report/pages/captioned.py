"""Figures of the comparison page with captions, and the choice of runs that have a panel each."""

from collections.abc import Sequence
from dataclasses import dataclass

from skinexp.report.pages.embedded_figure import EmbeddedFigure
from skinexp.runs.run_outputs import RunOutputs, by_area

MOST_PANELS = 8  # runs that have a panel each; the best ones, if there are more


@dataclass(frozen=True)
class Captioned:
    """A figure with the caption below it."""

    caption: str
    figure: EmbeddedFigure


def with_panel(runs: Sequence[RunOutputs]) -> list[RunOutputs]:
    """Returns as many runs as have room for a panel each, the best by test ROC-AUC, in their own order."""
    kept = {run.name for run in by_area(runs)[:MOST_PANELS]}
    return [run for run in runs if run.name in kept]


def panels_note(runs: Sequence[RunOutputs]) -> str:
    """Returns a sentence that says which runs are drawn; empty if all are."""
    if len(runs) <= MOST_PANELS:
        return ""
    return f"At most {MOST_PANELS} runs are drawn: those with the highest test ROC-AUC."
