"""The runs that did not finish, each with its error."""

from skinexp.comparison.analyse import Comparison
from skinexp.report.pages.section import Content, Section


def content(comparison: Comparison) -> Content | None:
    """Returns each unfinished run with its error; None if all finished."""
    failures = [(run, *_error_parts(run.error)) for run in comparison.unfinished]
    return {"failures": failures} if failures else None


def _error_parts(error: str | None) -> tuple[str, str | None]:
    """Returns the line of an error that says what went wrong, and the whole error if it has more lines.

    A traceback ends with that line; any other message begins with it.
    """
    lines = [line.strip() for line in (error or "").splitlines() if line.strip()]
    if not lines:
        return "No reason was recorded.", None
    return lines[-1 if lines[0].startswith("Traceback") else 0], error if len(lines) > 1 else None


SECTION = Section("failures", "Not finished", "failures.html.j2", content)
