"""The runs of a sweep side by side, written down as a page, as a table and as JSON."""

import dataclasses
import datetime
import json
import math
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from skinexp.comparison import cross_validation
from skinexp.comparison.pairwise import pair, same_test_images
from skinexp.comparison.ranking import verdict
from skinexp.report.pages import comparison_page
from skinexp.runs.run_outputs import RunRecord

FIRST_METRICS = ("test/roc_auc", "val/roc_auc", "test/average_precision", "test/accuracy")


def compare(records: Sequence[RunRecord], directory: Path, *, day: datetime.date | None = None) -> Path:
    """Writes the comparison of some runs: `comparison.html`, `comparison.csv` and `comparison.json`.

    Runs that are the folds of one cross-validation become one row, a line a fold in `folds.csv`.

    Args:
        records: the runs, in the order in which they are shown.
        directory: where the files go; made where absent.
        day: the date on the page; today by default.

    Returns:
        The path of the page, one file that needs nothing else.

    Raises:
        ValueError: where there are no runs.
    """
    if not records:
        raise ValueError("comparison: there are no runs to compare. Name at least one run's directory. Received: []")
    pooled = cross_validation.pool(records)
    records = _with_distinct_names([cross_validation.judged(record) for record in pooled.records])
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)

    # The tables come first: they are there even where a figure cannot be drawn.
    rows = table(records)
    rows.to_csv(directory / "comparison.csv", index=False)
    if pooled.folds:
        _fold_table(pooled.folds).to_csv(directory / "folds.csv", index=False)
    text = json.dumps(_strict(rows), indent=2, allow_nan=False, ensure_ascii=False)
    (directory / "comparison.json").write_text(text + "\n", encoding="utf-8")

    paired = pair(records)
    html = comparison_page.render(
        records,
        verdict=[*verdict(records, paired), *pooled.sentences],
        comparable=same_test_images(records),
        folds=cross_validation.lines(pooled),
        paired=paired,
        day=day or datetime.date.today(),
    )
    path = directory / "comparison.html"
    path.write_text(html, encoding="utf-8")
    return path


def table(records: Sequence[RunRecord]) -> pd.DataFrame:
    """One row a run, finished or not: who it is, what it used, and all its scores.

    Returns:
        A table with `name, status, error, model, seed, folds, fold, run_id, config_digest, data_digest, test_digest,
        best_epoch, epochs, seconds, health, health_cause, feature_cosine, probe_auc` and a column for each metric that
        any run has; scores are NaN where a run has none.
    """
    rows = [
        {
            "name": record.name,
            "status": record.status,
            "error": record.error,
            "model": record.find("model", "name"),
            "seed": record.find("config", "seed"),
            "folds": record.find("config", "data", "split", "folds") or None,
            "fold": record.fold,
            "run_id": record.find("run_id"),
            "config_digest": record.find("config_digest"),
            "data_digest": record.find("data_digest"),
            "test_digest": record.find("test_digest"),
            "best_epoch": record.find("best_epoch"),
            "epochs": record.find("epochs"),
            "seconds": record.number("seconds", "total"),
            "health": record.find("health", "verdict"),
            "health_cause": record.find("health", "cause"),
            "feature_cosine": record.number("health", "feature_cosine"),
            "probe_auc": record.number("health", "probe_auc"),
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


def _fold_table(pooled: Mapping[str, Sequence[RunRecord]]) -> pd.DataFrame:
    """`table` of the runs that were pooled, behind the name of their configuration."""
    rows = [table(sorted(members, key=lambda record: record.fold or 0)) for members in pooled.values()]
    named = [part.assign(configuration=name) for name, part in zip(pooled, rows, strict=True)]
    frame = pd.concat(named, ignore_index=True)
    return frame[["configuration", *(column for column in frame.columns if column != "configuration")]]


def _with_distinct_names(records: Sequence[RunRecord]) -> list[RunRecord]:
    """The records, those with an earlier one's name numbered: figures and tables tell runs apart by name alone."""
    taken: set[str] = set()
    distinct = []
    for record in records:
        name, number = record.name, 1
        while name in taken:
            number += 1
            name = f"{record.name} ({number})"
        taken.add(name)
        distinct.append(dataclasses.replace(record, name=name))
    return distinct


def _strict(rows: pd.DataFrame) -> list[dict[Hashable, Any]]:
    """Rows as JSON knows them, which has neither NaN nor infinity: both become null."""
    unbounded = rows.replace([math.inf, -math.inf], math.nan).astype(object)
    return unbounded.where(unbounded.notna(), None).to_dict(orient="records")
