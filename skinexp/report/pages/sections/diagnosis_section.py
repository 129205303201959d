"""The diagnosis of collapsed runs: what they have in common, and outcomes by swept settings."""

import math

from skinexp.comparison.analyse import Comparison
from skinexp.comparison.diagnosis_matrix import Cell
from skinexp.core.number_format import cosine, three_decimals
from skinexp.report.pages.section import Content, Section


def content(comparison: Comparison) -> Content | None:
    """Returns how a cell reads; None if there are neither a matrix nor explanations."""
    if comparison.diagnosis is None and not comparison.collapses:
        return None
    return {"area_text": area_text, "features_text": features_text}


def area_text(cell: Cell) -> str:
    """Returns the mean test ROC-AUC of a cell; an empty text if there is none."""
    return "" if math.isnan(cell.area) else f"ROC-AUC {three_decimals(cell.area)}"


def features_text(cell: Cell) -> str:
    """Returns the measurements of the features in a cell; an empty text if there are none."""
    measured = {"cosine": (cell.cosine, cosine), "probe": (cell.probe, three_decimals)}
    return " · ".join(f"{name} {show(value)}" for name, (value, show) in measured.items() if not math.isnan(value))


SECTION = Section("diagnosis", "Diagnosis", "diagnosis.html.j2", content)
