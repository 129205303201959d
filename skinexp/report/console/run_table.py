"""The terminal's table of runs, and the lines below it: where the results are."""

import math
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.markup import escape
from rich.table import Table

from skinexp.comparison.analyse import Comparison
from skinexp.comparison.cross_validation import PooledFolds
from skinexp.config.schema import Tracking
from skinexp.core.credentials import hidden
from skinexp.core.number_format import clock, three_decimals
from skinexp.core.python_command import skinexp_command
from skinexp.core.run_files import TRACEBACK
from skinexp.core.terminal import console, from_here
from skinexp.runs.job import resume_command
from skinexp.runs.run_outputs import RunOutputs

COLUMNS = {  # metric -> heading
    "test/roc_auc": "ROC-AUC",
    "test/average_precision": "average\nprecis.",
    "test/accuracy": "accuracy",
    "test/recall": "sensi-\ntivity",
    "test/specificity": "speci-\nficity",
    "test/f1": "F1",
}


def show(pooled: PooledFolds, comparison: Comparison | None = None) -> None:
    """Prints a line per run: its scores on the test images at threshold 0.5 with their 95 % CIs, or its error.

    Args:
        pooled: the runs; the folds of a cross-validation are one line.
        comparison: of these runs, which says whether the highest ROC-AUC may be marked; without, it is not.
    """
    records = comparison.runs if comparison else pooled.records
    limits = "; below each score: 95 % CI" if any(_limits(record, key) for record in records for key in COLUMNS) else ""
    console.print(f"\n[bold]Test scores[/bold] (threshold 0.5, uncalibrated probabilities{limits})")
    console.print(_table(records, marks_best=comparison is not None and comparison.may_mark_best))
    for record in records:
        if record.error:
            console.print(f"{record.name}: {record.error}\n", style="red", markup=False, soft_wrap=True)
        if record.finished and record.summary.failures:
            console.print(_incomplete(record), style="red", markup=False, soft_wrap=True)
        if not record.finished and (trace := record.directory / TRACEBACK).is_file():
            console.print(trace.read_text(), style="dim", markup=False, soft_wrap=True)
    for sentence in pooled.sentences:
        console.print(sentence, markup=False, soft_wrap=True)


def _incomplete(record: RunOutputs) -> str:
    """Returns what a run lacks and how to repeat it."""
    sentence = f"{record.name}: {record.summary.incomplete}. The network and the scores are saved"
    if record.evaluates:
        return f"{sentence}; the same command, in another directory, repeats what failed"
    return f"{sentence}. To repeat what failed: {resume_command(record.directory)}"


def _table(records: Sequence[RunOutputs], marks_best: bool) -> Table:
    is_ill = any(record.health and record.health.verdict != "ok" for record in records)
    has_limits = any(_limits(record, key) for record in records for key in COLUMNS)
    # One more column, or limits, leave no room for it in 80 characters.
    padding = (0, 0 if is_ill or has_limits else 1)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, padding=padding, show_edge=not has_limits)
    table.add_column("run", overflow="fold", min_width=10 if has_limits else 12)
    if is_ill and not has_limits:
        table.add_column("health", no_wrap=True)
    for heading in (*COLUMNS.values(), "time"):
        table.add_column(heading, justify="right", no_wrap=True)
    best = max((record.roc_auc for record in records if math.isfinite(record.roc_auc)), default=math.nan)
    for record in records:
        who = [escape(record.name), *([_health(record)] if is_ill else [])]
        who = ["\n".join(filter(None, who))] if has_limits else who  # limits take the room of the health column
        if record.finished:
            cells = [three_decimals(record.metric(key)) for key in COLUMNS]
            marked = marks_best and record.roc_auc == best and len(records) > 1
            cells[0] = f"[bold]{cells[0]}[/bold]" if marked else cells[0]
            cells = [cell + _limits(record, key) for cell, key in zip(cells, COLUMNS, strict=True)]
            table.add_row(*who, *cells, clock(record.summary.total_seconds))
        else:
            table.add_row(*who, f"[red]{record.status}[/red]")
    return table


def _limits(record: RunOutputs, key: str) -> str:
    """Returns the 95 % CI of a score, in a line of its own; empty if it has none."""
    _, low, high = record.interval(key.removeprefix("test/"))
    return "" if math.isnan(low) or math.isnan(high) else f"\n[dim]{low:.2f}-{high:.2f}[/dim]"


def _health(record: RunOutputs) -> str:
    verdict = record.health.verdict if record.health else ""
    colour = {"warning": "yellow", "collapsed": "red"}.get(verdict)
    return f"[{colour}]{verdict}[/{colour}]" if colour else verdict


def show_next_steps(place: Path, tracking_uri: str, what: str = "") -> None:
    """Prints where the results are and the command that opens the MLflow UI."""
    what = what or ("Comparison page" if place.suffix == ".html" else "Figures, model and predictions")
    console.print(f"{what}: {from_here(place)}", markup=False, soft_wrap=True)
    console.print(f"MLflow UI: {hidden(_ui_command(tracking_uri))}", markup=False, soft_wrap=True)


def _ui_command(tracking_uri: str) -> str:
    if tracking_uri.startswith("http"):
        return tracking_uri
    return skinexp_command("ui", *([] if tracking_uri == Tracking.uri else ["--uri", tracking_uri]))
