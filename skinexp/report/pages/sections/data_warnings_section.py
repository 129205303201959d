"""Data warnings: what the audit of each run's images found."""

from skinexp.comparison.analyse import Comparison
from skinexp.report.pages.section import Content, Section

STYLES = {"serious": "collapsed", "warning": "warning", "note": "not"}  # of a tag for each severity


def content(comparison: Comparison) -> Content | None:
    """Returns the findings; None if no run kept an audit."""
    return {"blocks": comparison.data_warnings, "styles": STYLES} if comparison.data_warnings else None


SECTION = Section("audit", "Data warnings", "data_warnings.html.j2", content)
