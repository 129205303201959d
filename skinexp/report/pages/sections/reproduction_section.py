"""What it takes to repeat the runs."""

from skinexp.comparison.analyse import Comparison
from skinexp.report.pages.section import Content, Section


def content(comparison: Comparison) -> Content:
    """Returns what all runs share, and one row per run."""
    return {"facts": comparison.reproduction}


SECTION = Section("reproduce", "How to reproduce", "reproduction.html.j2", content)
