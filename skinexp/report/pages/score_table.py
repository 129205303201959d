"""The score tables of a comparison: the main scores first, then all others by theme."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

from skinexp.comparison.decisions import shared_risk_threshold
from skinexp.core.number_format import ABSENT, cosine, duration, limits_text, percent, three_decimals, two_digits, whole
from skinexp.runs.run_outputs import RunOutputs, by_area

LIMITS = ("_low", "_high")  # ends of the names of metrics that are the confidence limits of another one
NET_BENEFIT, EXPECTED_COST = "net benefit", "expected cost"  # scores with a price

AT_THRESHOLD = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "precision": "precision",
    "recall": "recall (sensitivity)",
    "specificity": "specificity",
    "npv": "negative predictive value",
    "f1": "F1",
    "mcc": "MCC",
    "cohen_kappa": "Cohen's kappa",
    "positive_likelihood_ratio": "LR+",
    "negative_likelihood_ratio": "LR-",
    "net_benefit": NET_BENEFIT,
    "expected_cost": EXPECTED_COST,
}
USUAL = ("accuracy", "precision", "recall", "specificity", "f1")
LOWEST = ("negative_likelihood_ratio", "expected_cost")  # the lowest is the best
CALIBRATION: dict[str, tuple[str, Literal["", "highest", "lowest"]]] = {
    "brier": ("Brier score", "lowest"),
    "brier_skill_score": ("Brier skill score", "highest"),
    "ece": ("expected calibration error", "lowest"),
    "log_loss": ("log loss", "lowest"),
    "calibration_slope": ("slope", ""),
    "calibration_intercept": ("intercept", ""),
    "observed_expected_ratio": ("observed / expected", ""),
    "ici": ("ICI", "lowest"),
    "e50": ("E50", "lowest"),
    "e90": ("E90", "lowest"),
}


@dataclass(frozen=True)
class Column:
    """A column of a score table."""

    group: str
    label: str
    value: Callable[[RunOutputs], float]
    show: Callable[[float], str]
    best: Literal["", "highest", "lowest"] = ""
    metric: str = ""  # the name of the metric that it shows; empty if it shows something else

    @property
    def score(self) -> str:
        """The name of its confidence interval; empty if it can have none."""
        return self.metric.removeprefix("test/") if self.metric.startswith("test/") else ""


@dataclass(frozen=True)
class Cell:
    """A value of a score table: how it reads, what it sorts by, and whether it is its column's best."""

    text: str
    order: float | None  # None: the run has no such value, and comes last however the table is sorted
    limits: str = ""
    ranked: bool = False
    best: bool = False
    opens_group: bool = False


@dataclass(frozen=True)
class ScoreTable:
    """One table: its columns by group, and one row per run, the run with the highest test ROC-AUC first."""

    title: str
    groups: list[tuple[str, list[Column]]]
    rows: list[tuple[RunOutputs, list[Cell]]]

    @property
    def has_limits(self) -> bool:
        """Whether any of its scores has an interval."""
        return any(cell.limits for _, cells in self.rows for cell in cells)


def tables(finished: Sequence[RunOutputs], comparable: bool) -> list[ScoreTable]:
    """Returns the score tables, that of the main scores first, without columns and tables that have no value.

    Args:
        finished: the runs.
        comparable: whether they were tested on the same images, so that a best one may be marked.
    """
    made = []
    has_price = shared_risk_threshold(finished) is not None
    for title, columns in _themes(finished).items():
        shown = [column if has_price else _unranked_benefit(column) for column in _measured(columns, finished)]
        if shown or title == "Scores":
            groups = [(group, list(members)) for group, members in groupby(shown, key=lambda column: column.group)]
            made.append(ScoreTable(title, groups, _rows(shown, finished, comparable)))
    return made


def _unranked_benefit(column: Column) -> Column:
    """Returns the column without a best run if it is a net benefit or a cost: runs have it at prices of their own."""
    return replace(column, best="") if column.label in (NET_BENEFIT, EXPECTED_COST) else column


def _themes(finished: Sequence[RunOutputs]) -> dict[str, list[Column]]:
    """Returns all columns that a score table can have, by the title of their table.

    The first table has scores at the operating threshold of each run, or at 0.5 if no run has chosen one.
    """
    is_chosen = any(not math.isnan(run.metric("threshold/chosen")) for run in finished)
    at_half = _at_threshold("At threshold 0.5", "test/{}", [*AT_THRESHOLD])
    usual = [column for column in at_half if column.metric.removeprefix("test/") in USUAL]
    themes = {
        "Scores": [
            _score("Ranking", "ROC-AUC", "test/roc_auc"),
            _score("Ranking", "average precision", "test/average_precision"),
            *(_at_threshold("At the operating threshold", "test/{}_chosen", USUAL) if is_chosen else usual),
        ],
        "Ranking, in detail": _ranking(),
        "Calibration": [
            *_calibration("Uncalibrated", ""),
            *_calibration("Calibrated on validation", "_calibrated"),
            _plain("Calibrated on validation", "change of the log loss", "test/log_loss_change", three_decimals),
        ],
        f"{'At' if is_chosen else 'More at'} threshold 0.5, uncalibrated": [
            column for column in at_half if is_chosen or column not in usual
        ],
        "At the operating threshold": _at_operating_threshold(),
        "Training, predictions and features": [
            _fact("seed", lambda run: run.summary.seed),
            _fact("parameters", lambda run: run.summary.model.parameters if run.summary.model else None),
            _fact("epochs", lambda run: run.summary.epochs),
            _fact("best epoch", lambda run: run.summary.best_epoch),
            Column("Training", "time", lambda run: run.summary.total_seconds, duration),
            _plain("Predictions on test", "predicted malignant", "test/predicted_positive", percent),
            _plain("Predictions on test", "standard deviation of logits", "test/logit_std", two_digits),
            Column("Features", "mean cosine similarity", _feature_cosine, cosine),
            Column("Features", "linear probe ROC-AUC", _probe_auc, three_decimals),
        ],
        "On validation images": [
            *_at_threshold("Threshold 0.5", "val/{}", [*AT_THRESHOLD]),
            *_at_threshold("Youden threshold", "val/{}_youden", [*AT_THRESHOLD]),
        ],
    }
    return themes | {"Further metrics": _further(themes, finished)}


def _ranking() -> list[Column]:
    """Returns the columns of scores that need no threshold, without those of the first table."""
    return [
        _score("Test", "sensitivity at 90 % specificity", "test/sensitivity_at_90_specificity"),
        _score("Test", "sensitivity at 95 % specificity", "test/sensitivity_at_95_specificity"),
        _score("Test", "specificity at 90 % sensitivity", "test/specificity_at_90_sensitivity"),
        _score("Test", "specificity at 95 % sensitivity", "test/specificity_at_95_sensitivity"),
        _score("Partial ROC-AUC above 80 % sensitivity", "ISIC 2024", "test/pauc_isic2024"),
        _score("Partial ROC-AUC above 80 % sensitivity", "ISIC scorer", "test/pauc_isic_scorer"),
        *_fold_scores("ROC-AUC", "roc_auc"),
        *_fold_scores("Accuracy", "accuracy"),
        _score("Validation", "ROC-AUC", "val/roc_auc"),
        _score("Validation", "average precision", "val/average_precision"),
    ]


def _at_operating_threshold() -> list[Column]:
    """Returns the columns of scores at the threshold that a run has chosen, and at Youden's."""
    return [
        _plain("Operating threshold", "threshold", "threshold/chosen", three_decimals),
        *_at_threshold("Operating threshold", "test/{}_chosen", [*AT_THRESHOLD]),
        Column(
            "Operating threshold",
            "risk threshold of the net benefit",
            _stated("evaluate.risk_threshold"),
            "{:g}".format,
        ),
        Column("At a given prevalence", "prevalence", _stated("evaluate.prevalence"), "{:g}".format),
        _plain(
            "At a given prevalence",
            "operating threshold, as a risk",
            "threshold/chosen_at_prevalence",
            three_decimals,
        ),
        _plain("At a given prevalence", "PPV", "test/ppv_at_prevalence", three_decimals),
        _plain("At a given prevalence", "NPV", "test/npv_at_prevalence", three_decimals),
        _plain("At a given prevalence", "net benefit", "test/net_benefit_at_prevalence", three_decimals),
        _plain("At a given prevalence", "expected cost", "test/expected_cost_at_prevalence", three_decimals),
        _plain("Youden threshold", "threshold", "threshold/youden", three_decimals),
        *_at_threshold("Youden threshold", "test/{}_youden", [*AT_THRESHOLD]),
    ]


def _further(themes: dict[str, list[Column]], finished: Sequence[RunOutputs]) -> list[Column]:
    """Returns metrics that no table has, without confidence limits and those of folds that `folds.csv` holds."""
    known = {column.metric for columns in themes.values() for column in columns}
    found = dict.fromkeys(key for record in finished for key in record.metrics if key not in known)
    derived = (*LIMITS, "_mean", "_sd")
    return [_plain("Metric", key, key, three_decimals) for key in found if not key.endswith(derived)]


def _rows(
    columns: Sequence[Column], finished: Sequence[RunOutputs], comparable: bool
) -> list[tuple[RunOutputs, list[Cell]]]:
    best = {column: _best(column, finished) if comparable else None for column in columns}
    opening = {next(members) for _, members in groupby(columns, key=lambda column: column.group)}

    def cell(column: Column, record: RunOutputs) -> Cell:
        value = column.value(record)
        return Cell(
            text=ABSENT if math.isnan(value) else column.show(value),
            order=None if math.isnan(value) else value,
            limits=_limits(column, record) if column.score and not math.isnan(value) else "",
            ranked=bool(column.best),
            best=column.show(value) == best[column] and _may_be_best(column, record),
            opens_group=column in opening,
        )

    return [(record, [cell(column, record) for column in columns]) for record in by_area(finished)]


def _limits(column: Column, record: RunOutputs) -> str:
    interval = record.interval(column.score)
    return limits_text(interval.low, interval.high)


def _at_threshold(group: str, pattern: str, names: Sequence[str]) -> list[Column]:
    best: dict[str, Literal["highest", "lowest"]] = {name: "lowest" if name in LOWEST else "highest" for name in names}
    return [_metric(group, AT_THRESHOLD[name], pattern.format(name), three_decimals, best[name]) for name in names]


def _calibration(group: str, suffix: str) -> list[Column]:
    return [
        _metric(group, label, f"test/{name}{suffix}", three_decimals, best)
        for name, (label, best) in CALIBRATION.items()
    ]


def _fold_scores(label: str, name: str) -> list[Column]:
    """Of a cross-validation, beside the scores of all its images."""
    group = f"{label} per fold"
    return [
        _plain(group, "mean", f"test/{name}_mean", three_decimals),
        _plain(group, "standard deviation", f"test/{name}_sd", three_decimals),
    ]


def _score(group: str, label: str, metric: str) -> Column:
    return _metric(group, label, metric, three_decimals, best="highest")


def _plain(group: str, label: str, metric: str, show: Callable[[float], str]) -> Column:
    return _metric(group, label, metric, show)


def _metric(
    group: str, label: str, metric: str, show: Callable[[float], str], best: Literal["", "highest", "lowest"] = ""
) -> Column:
    return Column(group, label, lambda run: run.metric(metric), show, best, metric)


def _fact(label: str, count: Callable[[RunOutputs], int | None]) -> Column:
    """Returns a column of a count; NaN if a run has none."""

    def value(run: RunOutputs) -> float:
        found = count(run)
        return math.nan if found is None else float(found)

    return Column("Training", label, value, whole)


def _stated(key: str) -> Callable[[RunOutputs], float]:
    """Returns how to read a number that a run's configuration states; NaN if it states none."""

    def value(run: RunOutputs) -> float:
        stated = run.summary.setting(key)
        return math.nan if stated is None else float(stated)

    return value


def _feature_cosine(run: RunOutputs) -> float:
    return run.health.feature_cosine if run.health else math.nan


def _probe_auc(run: RunOutputs) -> float:
    return run.health.probe_auc if run.health else math.nan


def _measured(columns: Sequence[Column], finished: Sequence[RunOutputs]) -> list[Column]:
    """The columns in which at least one run has a value."""
    return [column for column in columns if any(not math.isnan(column.value(record)) for record in finished)]


def _best(column: Column, finished: Sequence[RunOutputs]) -> str | None:
    """The column's best value as it is shown; None if no run stands out."""
    values = [column.value(record) for record in finished if _may_be_best(column, record)]
    shown = {column.show(value): value for value in values if not math.isnan(value)}
    if not column.best or len(shown) < 2:
        return None
    return (max if column.best == "highest" else min)(shown, key=lambda text: shown[text])


def _may_be_best(column: Column, record: RunOutputs) -> bool:
    """Returns whether a run may be marked: one that predicts a single class has a specificity or recall of 1."""
    return not (record.collapsed and ("threshold" in column.group.lower() or column.group == "Uncalibrated"))
