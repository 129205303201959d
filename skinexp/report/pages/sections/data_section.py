"""The data that the finished runs used."""

from skinexp.comparison.analyse import Comparison
from skinexp.evaluation import CLASSES
from skinexp.report.pages.section import Content, Section


def content(comparison: Comparison) -> Content | None:
    """Returns a block per data set; None if no run described its data."""
    return {"blocks": comparison.datasets, "classes": CLASSES} if comparison.datasets else None


SECTION = Section("data", "Data", "data.html.j2", content)
