"""The data of a comparison's figures: curves, reliability and confusion matrices of each finished run."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from skinexp.comparison.decisions import HALF, PREVALENCE, Decisions, shared_setting
from skinexp.evaluation import decision_curve, reliability_points
from skinexp.evaluation.split_curves import ConfusionMatrix, SplitCurves, confusion_matrix, split_curves
from skinexp.runs.run_outputs import RunOutputs


@dataclass(frozen=True, eq=False)
class FigureData:
    """Numbers by the name of the run; runs without predictions have none.

    Attributes:
        curves: ROC and precision-recall curves on the test images.
        net_benefit: the decision curve of the run's decisions, as `decision_curve` returns it; at the prevalence if all
            runs state the same one and the probabilities of each can be shifted to it.
        prevalence: at which decision curves are; None: that of the test images.
        reliability: points of the reliability diagram, columns as `reliability_points` and `stage`.
        calibration_curves: smooth calibration curves with their bands, columns `stage`, `probability`, `images`,
            `observed`, `low`, `high`; without runs of earlier versions.
        confusion_at_half: of uncalibrated probabilities at threshold 0.5.
        confusion_at_threshold: of the run's decisions at its operating threshold; empty if no run chose one.
    """

    curves: dict[str, SplitCurves] = field(default_factory=dict)
    net_benefit: dict[str, pd.DataFrame] = field(default_factory=dict)
    prevalence: float | None = None
    reliability: dict[str, pd.DataFrame] = field(default_factory=dict)
    calibration_curves: dict[str, pd.DataFrame] = field(default_factory=dict)
    confusion_at_half: dict[str, ConfusionMatrix] = field(default_factory=dict)
    confusion_at_threshold: dict[str, ConfusionMatrix] = field(default_factory=dict)


def figure_data(finished: Sequence[RunOutputs], decisions: Mapping[str, Decisions]) -> FigureData:
    """Computes the numbers that figures draw.

    Args:
        finished: the runs.
        decisions: of those that left predictions, by name.
    """
    tables = {record.name: record.predictions for record in finished if record.predictions is not None}
    tests = {record.name: record.test for record in finished if record.test is not None}
    evidence = {record.name: record.evidence for record in finished}
    own = {name: one for name, one in decisions.items() if name in tables}
    references = {name: _reference_prevalence(tables[name]) for name in own}
    prevalence = shared_setting(finished, PREVALENCE)
    if any(math.isnan(reference) for reference in references.values()):
        prevalence = None  # some curves cannot be shifted, and curves at different prevalences are not comparable
    has_thresholds = any(one.is_chosen for one in own.values())
    return FigureData(
        curves={record.name: _curves(record, tables[record.name]) for record in finished if record.name in tables},
        net_benefit={name: _decision_curve(own[name], prevalence, references[name]) for name in own},
        prevalence=prevalence,
        reliability={name: _reliability(evidence[name], test) for name, test in tests.items()},
        calibration_curves={
            name: curve for name in tests if (curve := evidence[name].get("calibration_curve")) is not None
        },
        confusion_at_half={name: confusion_matrix(table, HALF) for name, table in tables.items()},
        confusion_at_threshold={
            name: confusion_matrix(one.predicted, HALF) for name, one in own.items() if has_thresholds
        },
    )


def _curves(record: RunOutputs, table: pd.DataFrame) -> SplitCurves:
    """Returns a run's curves; of folds, in the order of calibrated probabilities, with the means of their scores."""
    if record.pooled_folds is None:
        return split_curves(table)
    curves = split_curves(table.assign(logit=table["calibrated"]))
    return replace(curves, scores={name: record.metric(f"test/{name}") for name in curves.scores})


def _decision_curve(decisions: Decisions, prevalence: float | None, reference: float) -> pd.DataFrame:
    table = decisions.table
    return decision_curve(table["label"], table["probability"], prevalence=prevalence, reference=reference)


def _reference_prevalence(predictions: pd.DataFrame) -> float:
    """Returns the share of malignant images among the validation images that calibrated a run; NaN if unknown."""
    labels = predictions.loc[predictions["split"] == "val", "label"]
    return float(labels.mean()) if 0 < labels.sum() < len(labels) else math.nan


def _reliability(evidence: Mapping[str, pd.DataFrame], test: pd.DataFrame) -> pd.DataFrame:
    """Returns the points that a run kept; of an older run, those of its uncalibrated probabilities."""
    if (points := evidence.get("reliability")) is not None:
        return points
    return reliability_points(test["label"], test["probability"]).assign(stage="before")
