"""Reliability diagrams: the calibration of each run's probabilities."""

import math

import pandas as pd

from skinexp.comparison.analyse import Comparison
from skinexp.comparison.calibration_notes import calibration_notes
from skinexp.core.number_format import three_decimals, whole
from skinexp.report.figures import reliability_diagram
from skinexp.report.pages.captioned import Captioned, panels_note, with_panel
from skinexp.report.pages.embedded_figure import embed
from skinexp.report.pages.section import Content, Section
from skinexp.runs.run_outputs import RunOutputs

CAPTION = (
    "Reliability diagrams: the observed share of malignant images over the mean predicted probability in each of 15 "
    "bins, with 95 % CIs (Wilson), and below it the number of images in each bin. Above the diagonal, probabilities "
    "are too low; below it, too high."
)
SMOOTH = (
    " Lines are smooth calibration curves (loess, span 0.75) with pointwise 95 % bands (bootstrap). ICI, E50 and E90 "
    "are the mean, the median and the 90th percentile of the distance of images from the diagonal, on the curve."
)


def content(comparison: Comparison) -> Content | None:
    """Returns the figure; None if no run left predictions."""
    figure = reliability_figure(comparison)
    if figure is None:
        return None
    drawn = with_panel(comparison.finished)
    return {"figures": [figure], "note": panels_note(comparison.finished), "notes": calibration_notes(drawn)}


def reliability_figure(comparison: Comparison) -> Captioned | None:
    """Returns a reliability diagram per run; None if no run left predictions."""
    points, smooth = comparison.figures.reliability, comparison.figures.calibration_curves
    drawn = [run for run in with_panel(comparison.finished) if run.name in points]
    if not drawn:
        return None
    descriptions = []
    for run in drawn:
        stages = [
            f"{reliability_diagram.NAMES[stage]}, {_calibration_error(run, stage)}{_ends(part)}"
            for stage, part in reliability_diagram.stages(points[run.name]).items()
        ]
        descriptions.append(f"{run.name}: {'; '.join(stages)}")
    curves = {run.name: smooth[run.name] for run in drawn if run.name in smooth}
    figure = reliability_diagram.reliability_diagrams({run.name: points[run.name] for run in drawn}, curves)
    caption = f"{CAPTION}{SMOOTH}" if curves else CAPTION
    return Captioned(caption, embed(figure, f"Reliability diagrams. {'. '.join(descriptions)}."))


def _calibration_error(run: RunOutputs, stage: str) -> str:
    suffix = "" if stage == "before" else "_calibrated"
    named = {"expected calibration error": "ece", "ICI": "ici", "observed / expected": "observed_expected_ratio"}
    values = {words: run.metric(f"test/{name}{suffix}") for words, name in named.items()}
    return "".join(f"{words} {three_decimals(value)}, " for words, value in values.items() if not math.isnan(value))


def _ends(part: pd.DataFrame) -> str:
    """Describes the lowest and the highest bin: the predicted probability, and the observed share."""
    known = part[part["images"] > 0]
    if known.empty:
        return "no probabilities"
    ends = known.iloc[[0, -1]] if len(known) > 1 else known
    return " and ".join(
        f"{whole(row['images'])} images of mean probability {three_decimals(row['probability'])}, of which a share of "
        f"{three_decimals(row['malignant'])} is malignant"
        for _, row in ends.iterrows()
    )


SECTION = Section("reliability", "Reliability of probabilities", "figures.html.j2", content)
