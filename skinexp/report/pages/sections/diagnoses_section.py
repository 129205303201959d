"""Sensitivity of each malignant diagnosis and specificity of each benign one, a column per run."""

from skinexp.comparison.analyse import Comparison
from skinexp.comparison.diagnosis_scores import DiagnosisRow, diagnosis_rows, worst_diagnosis_sentences
from skinexp.core.number_format import limits_text, three_decimals, whole
from skinexp.report.pages.captioned import panels_note, with_panel
from skinexp.report.pages.section import Content, Section

Row = tuple[str, str, str, list[tuple[str, str]]]  # diagnosis, score of its class, images, (score, limits) by run


def content(comparison: Comparison) -> Content | None:
    """Returns the names of the runs, the rows, and the worst diagnoses in words; None if no run has diagnoses."""
    runs = with_panel(comparison.finished)
    rows = diagnosis_rows(runs)
    if not rows:
        return None
    shown = [run.name for run in runs if any(run.name in row.scores for row in rows)]
    return {
        "names": shown,
        "rows": [_row(row, shown) for row in rows],
        "sentences": worst_diagnosis_sentences(comparison.finished),
        "note": panels_note(comparison.finished),
    }


def _row(row: DiagnosisRow, names: list[str]) -> Row:
    cells = []
    for name in names:
        interval = row.scores.get(name)
        texts = ("", "") if interval is None else (three_decimals(interval[0]), limits_text(interval[1], interval[2]))
        cells.append(texts)
    return row.diagnosis, f"{row.score} ({row.class_name})", whole(row.images), cells


SECTION = Section("diagnoses", "Sensitivity and specificity by diagnosis", "diagnoses.html.j2", content)
