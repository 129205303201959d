"""The outputs of a run's evaluation: scores in result.json and MLflow, tables and reports in its directory."""

from pathlib import Path

from skinexp.core import run_files
from skinexp.core.atomic_files import write_tables
from skinexp.evaluation import TestEvaluation
from skinexp.runs.run_log import RunLog
from skinexp.runs.run_summary import ThresholdSummary


def write_evaluation(evaluation: TestEvaluation, directory: Path, run_log: RunLog) -> None:
    """Records the scores, thresholds and calibration, and writes the tables and the classification reports.

    Args:
        evaluation: of the run's predictions.
        directory: of the run.
        run_log: gains the entries `metrics`, `intervals`, `thresholds` and `calibration`.
    """
    thresholds = ThresholdSummary(**evaluation.thresholds)
    run_log.add(metrics=evaluation.metrics, thresholds=thresholds, calibration=evaluation.calibrator.to_dict())
    run_log.add(intervals=evaluation.intervals)
    write_tables(evaluation.tables, directory / run_files.EVIDENCE)
    for name, report in evaluation.reports.items():
        report.to_csv(directory / run_files.classification_report(name), index_label="class")
