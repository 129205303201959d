"""Confusion matrices at the operating thresholds and at threshold 0.5."""

from collections.abc import Mapping

from skinexp.comparison.analyse import Comparison
from skinexp.comparison.decisions import calibration_sentence, threshold_text
from skinexp.evaluation import CLASSES
from skinexp.evaluation.split_curves import ConfusionMatrix
from skinexp.report.figures.classification import confusion_matrices
from skinexp.report.pages.captioned import Captioned
from skinexp.report.pages.embedded_figure import embed
from skinexp.report.pages.section import Content, Section


def content(comparison: Comparison) -> Content | None:
    """Returns the figures; None if no run left predictions."""
    figures = confusion_figures(comparison)
    return {"figures": figures} if figures else None


def confusion_figures(comparison: Comparison) -> list[Captioned]:
    """Returns the confusion matrices of all runs at their operating thresholds, then at threshold 0.5."""
    data, decisions = comparison.figures, comparison.decisions
    figures = []
    if data.confusion_at_threshold:
        caption = f"At {threshold_text(decisions)}. {calibration_sentence(decisions)}"
        thresholds = {name: decisions[name].threshold for name in data.confusion_at_threshold}
        figures.append(_figure(caption, data.confusion_at_threshold, thresholds))
    if data.confusion_at_half:
        half = dict.fromkeys(data.confusion_at_half, "0.500")
        figures.append(_figure("At threshold 0.5. Probabilities are uncalibrated.", data.confusion_at_half, half))
    return figures


def _figure(caption: str, matrices: Mapping[str, ConfusionMatrix], thresholds: Mapping[str, str]) -> Captioned:
    descriptions = [f"{name}, threshold {thresholds[name]}: {_correct(own)}" for name, own in matrices.items()]
    figure = confusion_matrices(matrices, thresholds)
    return Captioned(caption, embed(figure, f"Confusion matrices on the test images. {'; '.join(descriptions)}."))


def _correct(matrix: ConfusionMatrix) -> str:
    if (counts := matrix.counts) is None:
        return "undefined"
    shares = [f"{counts[k, k]} of {counts[k].sum()} {name}" for k, name in enumerate(CLASSES)]
    return f"{' and '.join(shares)} images predicted correctly"


SECTION = Section("confusion", "Confusion matrices", "figures.html.j2", content)
