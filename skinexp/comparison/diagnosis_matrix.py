"""The diagnosis matrix: the outcome of the runs of a sweep under each combination of the settings that it varied."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from skinexp.comparison.swept_keys import Value, settings, swept_keys, value_text
from skinexp.runs.health_summary import VERDICTS
from skinexp.runs.run_outputs import RunOutputs

COLUMNS = "model.input_scaling"  # the key across the top, where it varies: it is what collapses are most often due to
AT_MOST = 8  # columns that fit on a page
UNSEEN = "not examined"  # of a run that no doctor saw
KINDS = (*VERDICTS, "failed")  # of cells, from best to worst


@dataclass(frozen=True)
class Finding:
    """A finding on some runs of a cell: its severity, its words, and the number of runs."""

    kind: str  # one of KINDS, or UNSEEN
    words: str
    runs: int


@dataclass(frozen=True)
class Cell:
    """The runs under one combination of settings, which differ in their seeds alone.

    Attributes:
        runs: how many there are.
        area: mean of their test ROC-AUC, cosine and probe of what the doctor measured; NaN if there is none.
        findings: the worst first.
    """

    runs: int
    area: float
    cosine: float
    probe: float
    findings: list[Finding]

    @property
    def kind(self) -> str:
        """The worst kind among its findings."""
        return self.findings[0].kind


@dataclass(frozen=True)
class Heading:
    """A heading at the left that spans several rows."""

    text: str
    rows: int


@dataclass(frozen=True)
class DiagnosisMatrix:
    """Rows are combinations of all keys but one, whose values are the columns.

    Attributes:
        key: of the columns.
        columns: its values.
        row_keys: all other keys.
        rows: for each row its headings, without those that an earlier row spans, and its cells; None if no run is.
    """

    key: str
    columns: list[str]
    row_keys: list[str]
    rows: list[tuple[list[Heading], list[Cell | None]]]

    @property
    def has_repetitions(self) -> bool:
        return any(cell.runs > 1 for _, cells in self.rows for cell in cells if cell)


def diagnosis_matrix(records: Sequence[RunOutputs]) -> DiagnosisMatrix | None:
    """Builds the matrix of some runs.

    Returns:
        None if they differ in fewer than two keys, no doctor examined any, or most cells would be empty.
    """
    keys = swept_keys(records)
    if len(keys) < 2 or all(record.health is None for record in records):
        return None
    key = COLUMNS if COLUMNS in keys else next(iter(keys))
    columns, row_keys = keys[key], [other for other in keys if other != key]
    members: dict[tuple[tuple[Value, ...], Value], list[RunOutputs]] = {}
    for record in records:
        if own := settings(record):
            members.setdefault((tuple(own[other] for other in row_keys), own[key]), []).append(record)

    def place(row: tuple[Value, ...]) -> list[int]:
        return [keys[other].index(value) for other, value in zip(row_keys, row, strict=True)]

    rows = sorted({row for row, _ in members}, key=place)
    if len(columns) > AT_MOST or 2 * len(members) < len(rows) * len(columns):
        return None
    cells = [[_cell(found) if (found := members.get((row, column))) else None for column in columns] for row in rows]
    return DiagnosisMatrix(
        key, list(map(value_text, columns)), row_keys, list(zip(_headings(rows), cells, strict=True))
    )


def _cell(records: Sequence[RunOutputs]) -> Cell:
    counted = Counter(map(_said, records))
    findings = [Finding(kind, words, runs) for (kind, words), runs in counted.items()]
    findings.sort(key=lambda finding: KINDS.index(finding.kind) if finding.kind in KINDS else -1, reverse=True)
    return Cell(
        len(records),
        area=_mean([record.roc_auc for record in records if record.finished]),
        cosine=_mean([record.health.feature_cosine for record in records if record.health]),
        probe=_mean([record.health.probe_auc for record in records if record.health]),
        findings=findings,
    )


def _said(record: RunOutputs) -> tuple[str, str]:
    """Returns the kind and the words of a run's finding."""
    if not record.finished:
        cause = record.health and record.health.cause_words
        return "failed", f"{record.status}: {cause}" if cause else record.status
    return (record.health.verdict, record.health.words) if record.health else (UNSEEN, UNSEEN)


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return math.fsum(known) / len(known) if known else math.nan


def _headings(rows: Sequence[tuple[Value, ...]]) -> list[list[Heading]]:
    """Returns the headings of each row; a heading that equals the one above is spanned by it."""
    headings: list[list[Heading]] = [[] for _ in rows]
    for depth in range(len(rows[0])):
        begin = 0
        for alike, group in groupby(rows, key=lambda row: row[: depth + 1]):
            count = len(list(group))
            headings[begin].append(Heading(value_text(alike[-1]), count))
            begin += count
    return headings
