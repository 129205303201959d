"""Scores of whole lesions and patients, beside those of single images."""

from skinexp.comparison.analyse import Comparison
from skinexp.core.number_format import limits_text, three_decimals, whole
from skinexp.evaluation import Interval
from skinexp.report.pages.section import Content, Section
from skinexp.runs.run_outputs import RunOutputs

UNITS = "units"  # table of a run's evidence
SCORES = ("roc_auc", "recall", "specificity")
AT_IMAGE = ("roc_auc", "recall_chosen", "specificity_chosen")  # the same scores of single images
Row = tuple[str, str, str, str, list[tuple[str, str]]]  # run, unit, rule, units, (score, limits)


def content(comparison: Comparison) -> Content | None:
    """Returns the rows of the table; None if no run has several images of a lesion or patient."""
    rows = [row for run in comparison.finished for row in _rows(run)]
    return {"rows": rows} if rows else None


def _rows(run: RunOutputs) -> list[Row]:
    table = run.evidence.get(UNITS)
    if table is None or table.empty:
        return []
    benign, malignant = run.test_images
    images = f"{whole(benign + malignant)} ({whole(malignant)})"
    rows: list[Row] = [(run.name, "image", "", images, [_cell(run.interval(score)) for score in AT_IMAGE])]
    for (unit, rule), part in table.groupby(["unit", "rule"], sort=False):
        by_score = part.set_index("score")[["estimate", "low", "high"]]
        cells = [_cell(Interval(*map(float, by_score.loc[score]))) for score in SCORES]
        counts = f"{whole(part['units'].iloc[0])} ({whole(part['malignant'].iloc[0])})"
        rows.append((run.name, str(unit), str(rule), counts, cells))
    return rows


def _cell(interval: Interval) -> tuple[str, str]:
    return three_decimals(interval.estimate), limits_text(interval.low, interval.high)


SECTION = Section("units", "Lesions and patients", "units.html.j2", content)
