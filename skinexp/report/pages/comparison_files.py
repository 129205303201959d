"""The comparison of some runs as files: a page, a table and JSON."""

import datetime
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from skinexp.comparison.analyse import Comparison
from skinexp.core import run_files
from skinexp.core.strict_json import to_strict_json
from skinexp.report.checklist.checklist import write_comparison_checklist
from skinexp.report.pages import comparison_page
from skinexp.report.pages.comparison_values import comparison_values, evidence_tables
from skinexp.runs.run_outputs import RunOutputs

FIRST_METRICS = ("test/roc_auc", "val/roc_auc", "test/average_precision", "test/accuracy")
TABLES = {
    "scores": run_files.COMPARISON_SCORES,
    "pairs": run_files.COMPARISON_PAIRS,
    "differences": run_files.COMPARISON_DIFFERENCES,
}


def write_comparison(comparison: Comparison, directory: Path, *, day: datetime.date | None = None) -> Path:
    """Writes the comparison of some runs: `comparison.html`, `comparison.json`, tables, and `checklist.md`.

    `comparison.csv` has a line per run, `comparison_scores.csv` one per score with its interval,
    `comparison_pairs.csv` and `comparison_differences.csv` one per test and difference of two runs. `comparison.json`
    has all of these and the verdict, as `schemas/comparison.schema.json` describes them. Runs that are the folds of one
    cross-validation become one row, a line per fold in `folds.csv`.

    Args:
        comparison: the analysed runs.
        directory: where the files go; created if absent.
        day: the date on the page; today by default.

    Returns:
        The path of the page, one file that needs nothing else.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)

    # The tables come first: they are there even if a figure cannot be drawn.
    rows = comparison_table(comparison.runs)
    rows.to_csv(directory / run_files.COMPARISON_TABLE, index=False)
    (directory / run_files.FOLDS).unlink(missing_ok=True)  # of an earlier comparison
    if comparison.folds.folds:
        _fold_table(comparison.folds.folds).to_csv(directory / run_files.FOLDS, index=False)
    tables = evidence_tables(comparison)
    for name, file in TABLES.items():
        tables[name].to_csv(directory / file, index=False)
    values = comparison_values(comparison, rows)
    text = json.dumps(to_strict_json(values), indent=2, allow_nan=False, ensure_ascii=False)
    (directory / run_files.COMPARISON_VALUES).write_text(text + "\n", encoding="utf-8")

    path = directory / run_files.COMPARISON_PAGE
    path.write_text(comparison_page.render(comparison, day or datetime.date.today()), encoding="utf-8")
    write_comparison_checklist(comparison, directory)
    return path


def comparison_table(records: Sequence[RunOutputs]) -> pd.DataFrame:
    """Returns one row per run, finished or not: its name, its model and data, and all its scores.

    Returns:
        A table with `name, status, error, model, seed, folds, fold, run_id, config_digest, data_digest, test_digest,
        best_epoch, epochs, seconds, health, health_cause, feature_cosine, probe_auc` and a column for each metric that
        any run has; scores are NaN if a run has none.
    """
    rows = [
        {
            "name": record.name,
            "status": record.status,
            "error": record.error,
            "model": record.summary.model.name if record.summary.model else None,
            "seed": record.summary.seed,
            "folds": record.summary.folds,
            "fold": record.fold,
            "run_id": record.summary.run_id,
            "config_digest": record.summary.config_digest,
            "data_digest": record.summary.data_digest,
            "test_digest": record.summary.test_digest,
            "best_epoch": record.summary.best_epoch,
            "epochs": record.summary.epochs,
            "seconds": record.summary.total_seconds,
            "health": record.health.verdict if record.health else None,
            "health_cause": record.health.cause if record.health else None,
            "feature_cosine": record.health.feature_cosine if record.health else math.nan,
            "probe_auc": record.health.probe_auc if record.health else math.nan,
            **record.metrics,
        }
        for record in records
    ]
    measured = {key for record in records for key in record.metrics}
    metrics = [key for key in FIRST_METRICS if key in measured] + sorted(measured.difference(FIRST_METRICS))
    frame = pd.DataFrame(rows)
    described = [column for column in frame.columns if column not in measured]
    whole_numbers = dict.fromkeys(("seed", "folds", "fold", "best_epoch", "epochs"), "Int64")
    return frame[described + metrics].astype(whole_numbers | dict.fromkeys(metrics, "float64"))


def _fold_table(pooled: Mapping[str, Sequence[RunOutputs]]) -> pd.DataFrame:
    """Returns the table of the runs that were pooled, with the name of their configuration as its first column."""
    rows = [comparison_table(sorted(members, key=lambda record: record.fold or 0)) for members in pooled.values()]
    named = [part.assign(configuration=name) for name, part in zip(pooled, rows, strict=True)]
    frame = pd.concat(named, ignore_index=True)
    return frame[["configuration", *(column for column in frame.columns if column != "configuration")]]
