"""The audit of a data set: what makes scores on it unbelievable, said before anything is trained."""

from skinexp.data.audit.finding import NOTE, SERIOUS, SEVERITIES, WARNING, Finding, Findings
from skinexp.data.audit.whole import acted_on, audit, audit_prepared, of_split

__all__ = [
    "NOTE",
    "SERIOUS",
    "SEVERITIES",
    "WARNING",
    "Finding",
    "Findings",
    "acted_on",
    "audit",
    "audit_prepared",
    "of_split",
]
