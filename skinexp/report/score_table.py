"""The score table of a comparison: its columns, and each run's cells."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from skinexp.report.records import RunRecord
from skinexp.report.words import ABSENT, cosine, duration, percent, three_decimals, two_digits, whole


@dataclass(frozen=True)
class Column:
    """A column of the score table."""

    group: str
    label: str
    keys: tuple[str, ...]  # where a run's result holds the value
    show: Callable[[float], str]
    ranked: bool = False  # whether the highest value is the best one


@dataclass(frozen=True)
class Cell:
    """A value of the score table: how it reads, what it sorts by, and whether it is its column's best."""

    text: str
    order: float | None  # None: the run has no such value, and comes last however the table is sorted
    note: str = ""
    ranked: bool = False
    best: bool = False
    opens_group: bool = False


def columns(finished: Sequence[RunRecord]) -> list[Column]:
    """All columns that a score table can have: those a reader looks for first, those of unknown metrics last."""
    columns = [
        _score("ROC-AUC", "test", "test/roc_auc"),
        _score("ROC-AUC", "validation", "val/roc_auc"),
        _score("Average precision", "test", "test/average_precision"),
        _score("Average precision", "validation", "val/average_precision"),
        *_fold_scores("ROC-AUC", "roc_auc"),
        *_fold_scores("Accuracy", "accuracy"),
        *_threshold_scores("Test, threshold 0.5", "test/{}"),
        _plain("Test, Youden threshold", "threshold", "threshold/youden", three_decimals),
        *_threshold_scores("Test, Youden threshold", "test/{}_youden"),
        _plain("Test, answers", "called malignant", "test/predicted_positive", percent),
        _plain("Test, answers", "spread of logits", "test/logit_std", two_digits),
        Column("Features", "cosine", ("health", "feature_cosine"), cosine),
        Column("Features", "AUC of a probe", ("health", "probe_auc"), three_decimals),
        _fact("seed", "config", "seed"),
        _fact("parameters", "model", "parameters"),
        _fact("epochs", "epochs"),
        _fact("best epoch", "best_epoch"),
        Column("Training", "time", ("seconds", "total"), duration),
        *_threshold_scores("Validation, threshold 0.5", "val/{}"),
        *_threshold_scores("Validation, Youden threshold", "val/{}_youden"),
    ]
    known = {column.keys[-1] for column in columns}
    others = dict.fromkeys(key for record in finished for key in record.metrics if key not in known)
    return columns + [_plain("Further metrics", key, key, three_decimals) for key in others]


def rows(
    columns: Sequence[Column], finished: Sequence[RunRecord], comparable: bool
) -> list[tuple[RunRecord, list[Cell]]]:
    """Each run's cells, the run with the highest test ROC-AUC first."""
    best = {column: _best(column, finished) if comparable else None for column in columns}
    opening = {next(members) for _, members in groupby(columns, key=lambda column: column.group)}

    def cell(column: Column, record: RunRecord) -> Cell:
        value = record.number(*column.keys)
        is_area = column.keys == ("metrics", "test/roc_auc")
        return Cell(
            text=ABSENT if math.isnan(value) else column.show(value),
            order=None if math.isnan(value) else value,
            note=f"± {record.roc_auc_error:.3f}" if is_area and not math.isnan(record.roc_auc_error) else "",
            ranked=column.ranked,
            best=column.show(value) == best[column] and _may_be_best(column, record),
            opens_group=column in opening,
        )

    ordered = sorted(finished, key=lambda record: -math.inf if math.isnan(record.roc_auc) else record.roc_auc)
    return [(record, [cell(column, record) for column in columns]) for record in reversed(ordered)]


def _threshold_scores(group: str, pattern: str) -> list[Column]:
    labels = {"accuracy": "accuracy", "precision": "precision", "recall": "recall (sensitivity)"}
    labels |= {"specificity": "specificity", "f1": "F1"}
    return [_score(group, label, pattern.format(name)) for name, label in labels.items()]


def _fold_scores(label: str, name: str) -> list[Column]:
    """Of a cross-validation, beside the scores of all its images."""
    group = f"{label}, fold by fold"
    return [
        _plain(group, "mean", f"test/{name}_mean", three_decimals),
        _plain(group, "standard deviation", f"test/{name}_sd", three_decimals),
    ]


def _score(group: str, label: str, metric: str) -> Column:
    return Column(group, label, ("metrics", metric), three_decimals, ranked=True)


def _plain(group: str, label: str, metric: str, show: Callable[[float], str]) -> Column:
    return Column(group, label, ("metrics", metric), show)


def _fact(label: str, *keys: str) -> Column:
    return Column("Training", label, keys, whole)


def measured(columns: Sequence[Column], finished: Sequence[RunRecord]) -> list[Column]:
    """The columns in which at least one run has a value."""
    return [column for column in columns if any(not math.isnan(record.number(*column.keys)) for record in finished)]


def _best(column: Column, finished: Sequence[RunRecord]) -> str | None:
    """The column's highest value as it is shown; None where no run stands out."""
    values = [record.number(*column.keys) for record in finished if _may_be_best(column, record)]
    shown = {column.show(value): value for value in values if not math.isnan(value)}
    return max(shown, key=lambda text: shown[text]) if column.ranked and len(shown) > 1 else None


def _may_be_best(column: Column, record: RunRecord) -> bool:
    """A collapsed run calls all images benign, or none: its specificity or recall of 1 is no merit."""
    return not (record.collapsed and column.group.endswith("threshold 0.5"))
