"""The terminal's table of runs, and the lines below it: where the results are."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich import box
from rich.markup import escape
from rich.table import Table

from skinexp.comparison.analyse import Comparison
from skinexp.comparison.cross_validation import PooledFolds
from skinexp.comparison.diagnosis_scores import worst_diagnosis_sentences
from skinexp.comparison.operating_rules import has_operating_threshold, threshold_sentences
from skinexp.config.schema import Tracking
from skinexp.core.credentials import hidden
from skinexp.core.number_format import clock, three_decimals
from skinexp.core.python_command import skinexp_command
from skinexp.core.run_files import TRACEBACK
from skinexp.core.terminal import console, from_here
from skinexp.runs.job import resume_command
from skinexp.runs.run_outputs import RunOutputs

RANKING = {"test/roc_auc": "ROC-AUC", "test/average_precision": "average\nprecis."}  # metric -> heading
AT_THRESHOLD = {  # start of a metric's name -> heading
    "test/accuracy": "accuracy",
    "test/recall": "sensi-\ntivity",
    "test/specificity": "speci-\nficity",
    "test/f1": "F1",
}
AT_HALF = "threshold 0.5, uncalibrated"


def show(pooled: PooledFolds, comparison: Comparison | None = None) -> None:
    """Prints a line per run: its scores on the test images at its operating threshold, or its error; then those at 0.5.

    Args:
        pooled: the runs; the folds of a cross-validation are one line.
        comparison: of these runs, which says whether the highest ROC-AUC may be marked; without, it is not.
    """
    records = comparison.runs if comparison else pooled.records
    finished = [record for record in records if record.finished]
    marks_best = comparison is not None and comparison.may_mark_best
    if any(map(has_operating_threshold, finished)):
        chosen = RANKING | {f"{name}_chosen": words for name, words in AT_THRESHOLD.items()}
        console.print(f"\n[bold]Test scores[/bold] (at the operating threshold{_below(records, chosen)})")
        console.print(_table(records, chosen, marks_best, has_time=False))  # long names have more room
        for sentence in threshold_sentences(finished):
            console.print(sentence, markup=False, soft_wrap=True)
        console.print(f"\n[bold]Test scores[/bold] ({AT_HALF}{_below(finished, AT_THRESHOLD)})")
        console.print(_table(finished, AT_THRESHOLD))
    else:
        columns = RANKING | AT_THRESHOLD
        console.print(f"\n[bold]Test scores[/bold] ({AT_HALF}{_below(records, columns)})")
        console.print(_table(records, columns, marks_best))
    for record in records:
        if record.error:
            console.print(f"{record.name}: {record.error}\n", style="red", markup=False, soft_wrap=True)
        if record.finished and record.summary.failures:
            console.print(_incomplete(record), style="red", markup=False, soft_wrap=True)
        if not record.finished and (trace := record.directory / TRACEBACK).is_file():
            console.print(trace.read_text(), style="dim", markup=False, soft_wrap=True)
    for sentence in [*worst_diagnosis_sentences(finished), *pooled.sentences]:
        console.print(sentence, markup=False, soft_wrap=True)


def _incomplete(record: RunOutputs) -> str:
    """Returns what a run lacks and how to repeat it."""
    sentence = f"{record.name}: {record.summary.incomplete}. The network and the scores are saved"
    if record.evaluates:
        return f"{sentence}; the same command, in another directory, repeats what failed"
    return f"{sentence}. To repeat what failed: {resume_command(record.directory)}"


def _below(records: Sequence[RunOutputs], columns: Mapping[str, str]) -> str:
    """Returns what stands below scores, for the table's title; empty if no score has an interval."""
    return "; below each score: 95 % CI" if _have_limits(records, columns) else ""


def _have_limits(records: Sequence[RunOutputs], columns: Mapping[str, str]) -> bool:
    return any(_limits(record, key) for record in records for key in columns)


def _table(
    records: Sequence[RunOutputs], columns: Mapping[str, str], marks_best: bool = False, has_time: bool = True
) -> Table:
    """Returns a table of scores.

    Args:
        records: the runs.
        columns: metric -> heading.
        marks_best: whether the highest ROC-AUC is in bold.
        has_time: whether its last column is the time that a run took.
    """
    is_ill = any(record.health and record.health.verdict != "ok" for record in records)
    has_limits = _have_limits(records, columns)
    # One more column, or limits, leave no room for it in 80 characters.
    padding = (0, 0 if is_ill or has_limits else 1)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, padding=padding, show_edge=not has_limits)
    table.add_column("run", overflow="fold", min_width=10 if has_limits else 12)
    if is_ill and not has_limits:
        table.add_column("health", no_wrap=True)
    for heading in (*columns.values(), *(["time"] if has_time else [])):
        table.add_column(heading, justify="right", no_wrap=True)
    best = max((record.roc_auc for record in records if math.isfinite(record.roc_auc)), default=math.nan)
    for record in records:
        who = [escape(record.name), *([_health(record)] if is_ill else [])]
        who = ["\n".join(filter(None, who))] if has_limits else who  # limits take the room of the health column
        if record.finished:
            marks = marks_best and record.roc_auc == best and len(records) > 1
            cells = [_score(record, key, marks) for key in columns]
            table.add_row(*who, *cells, *([clock(record.summary.total_seconds)] if has_time else []))
        else:
            table.add_row(*who, f"[red]{record.status}[/red]")
    return table


def _score(record: RunOutputs, key: str, is_best: bool) -> str:
    """Returns a score as its cell shows it: the highest ROC-AUC in bold, the 95 % CI in a line of its own."""
    text = three_decimals(record.metric(key))
    return (f"[bold]{text}[/bold]" if is_best and key == "test/roc_auc" else text) + _limits(record, key)


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
