"""The terminal's table of runs, and the lines below it: where the results are."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich import box
from rich.markup import escape
from rich.table import Table

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
AT_HALF = "threshold 0.5, uncalibrated probabilities"


def show(pooled: PooledFolds) -> None:
    """Prints a line per run: its scores on the test images at its operating threshold, or its error; then those at 0.5.

    Args:
        pooled: the runs; the folds of a cross-validation are one line.
    """
    records = pooled.records
    finished = [record for record in records if record.finished]
    if any(map(has_operating_threshold, finished)):
        console.print("\n[bold]Test scores[/bold] (at the operating threshold)")
        console.print(_table(records, RANKING | {f"{name}_chosen": words for name, words in AT_THRESHOLD.items()}))
        for sentence in threshold_sentences(finished):
            console.print(sentence, markup=False, soft_wrap=True)
        console.print(f"\n[bold]Test scores[/bold] ({AT_HALF})")
        console.print(_table(finished, AT_THRESHOLD, has_time=False))
    else:
        console.print(f"\n[bold]Test scores[/bold] ({AT_HALF})")
        console.print(_table(records, RANKING | AT_THRESHOLD))
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


def _table(records: Sequence[RunOutputs], columns: Mapping[str, str], has_time: bool = True) -> Table:
    """Returns a table of scores.

    Args:
        columns: metric -> heading.
        has_time: whether its last column is the time that a run took.
    """
    is_ill = any(record.health and record.health.verdict != "ok" for record in records)
    padding = (0, 0 if is_ill else 1)  # one more column leaves no room for it in 80 characters
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, padding=padding)
    table.add_column("run", overflow="fold", min_width=12)
    if is_ill:
        table.add_column("health", no_wrap=True)
    for heading in (*columns.values(), *(["time"] if has_time else [])):
        table.add_column(heading, justify="right", no_wrap=True)
    best = max((record.roc_auc for record in records if math.isfinite(record.roc_auc)), default=math.nan)
    for record in records:
        who = [escape(record.name), *([_health(record)] if is_ill else [])]
        if record.finished:
            cells = [_score(record, key, record.roc_auc == best and len(records) > 1) for key in columns]
            table.add_row(*who, *cells, *([clock(record.summary.total_seconds)] if has_time else []))
        else:
            table.add_row(*who, f"[red]{record.status}[/red]")
    return table


def _score(record: RunOutputs, key: str, is_best: bool) -> str:
    """Returns a score as its cell shows it: the highest ROC-AUC in bold."""
    text = three_decimals(record.metric(key))
    return f"[bold]{text}[/bold]" if is_best and key == "test/roc_auc" else text


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
