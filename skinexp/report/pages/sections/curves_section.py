"""ROC, precision-recall and decision curves of the test images."""

import pandas as pd

from skinexp.comparison.analyse import Comparison
from skinexp.comparison.decisions import calibration_sentence
from skinexp.core.number_format import three_decimals, with_interval
from skinexp.report.figures.classification import precision_recall_curves, roc_curves
from skinexp.report.figures.decision_curves import decision_curves
from skinexp.report.pages.captioned import Captioned
from skinexp.report.pages.embedded_figure import embed
from skinexp.report.pages.section import Content, Section
from skinexp.runs.run_outputs import RunOutputs

MOST_BANDS = 4  # runs whose bands can be distinguished when they overlap
THRESHOLDS = (0.1, 0.3, 0.5)  # at which the alternative text gives the net benefit


def content(comparison: Comparison) -> Content | None:
    """Returns the figures; None if no run left predictions."""
    if not comparison.figures.curves:
        return None
    return {
        "pair": roc_and_pr_figures(comparison),
        "decisions": decision_curve_figure(comparison),
        "without_predictions": [run.name for run in comparison.finished if run.predictions is None],
    }


def roc_and_pr_figures(comparison: Comparison) -> list[Captioned]:
    """Returns the ROC and the precision-recall curves of all runs, with confidence bands if the runs are few."""
    curves = comparison.figures.curves
    drawn = [run for run in comparison.finished if run.name in curves]
    few = drawn if len(drawn) <= MOST_BANDS else []
    roc_bands, recall_bands = _bands(few, "roc_band"), _bands(few, "precision_recall_band")
    bounded = " Bands are pointwise 95 % confidence bands (bootstrap)." if roc_bands else ""
    areas = "; ".join(
        f"{run.name}: ROC-AUC {with_interval(run.interval('roc_auc'), run.interval_method('roc_auc'))}" for run in drawn
    )
    precisions = "; ".join(
        f"{run.name}: average precision {with_interval(run.interval('average_precision'))}" for run in drawn
    )
    return [
        Captioned(
            f"ROC curves. The diagonal is chance level.{bounded}",
            embed(roc_curves(curves, roc_bands), f"ROC curves on the test images. {areas}."),
        ),
        Captioned(
            f"Precision-recall curves. The horizontal line at the prevalence is chance level.{bounded}",
            embed(
                precision_recall_curves(curves, recall_bands),
                f"Precision-recall curves on the test images. {precisions}.",
            ),
        ),
    ]


def decision_curve_figure(comparison: Comparison) -> Captioned:
    """Returns the decision curves of all runs."""
    curves = comparison.figures.net_benefit
    descriptions = []
    for name, curve in curves.items():
        at = curve.set_index(curve["threshold"].round(2))["model"]
        points = ", ".join(f"{three_decimals(float(at[p]))} at {p:g}" for p in THRESHOLDS)
        descriptions.append(f"{name}: net benefit {points}")
    stated = comparison.figures.prevalence
    population = "The share of malignant lesions is that of the test images."
    if stated is not None:
        population = (
            f"They are for a prevalence of {stated:g} (evaluate.prevalence): threshold probabilities are risks there, "
            "to which the probabilities of the runs were shifted by the ratio of prior odds."
        )
    caption = (
        f"Decision curves. {population} Net benefit is the share of images that are malignant and excised, less the "
        "share that are benign and excised, weighted by the odds of the threshold probability. At a threshold "
        "probability, the model with the highest net benefit is the most useful. "
        f"{calibration_sentence(comparison.decisions)}"
    )
    return Captioned(caption, embed(decision_curves(curves), f"Decision curves. {'; '.join(descriptions)}."))


def _bands(runs: list[RunOutputs], table: str) -> dict[str, pd.DataFrame]:
    return {run.name: run.evidence[table] for run in runs if table in run.evidence}


SECTION = Section("curves", "ROC, precision-recall and decision curves", "curves.html.j2", content)
