"""The doctor's findings on runs that are not healthy, by cause."""

from skinexp.comparison.analyse import Comparison
from skinexp.report.pages.section import Content, Section


def content(comparison: Comparison) -> Content | None:
    """Returns the findings; None if all examined runs are healthy."""
    return {"ailments": comparison.ailments} if comparison.ailments else None


SECTION = Section("health", "Health", "health.html.j2", content)
