"""The audit of a data set: finds what makes scores on it unreliable, before anything is trained."""

from skinexp.data.audit.finding import NOTE, SERIOUS, SEVERITIES, WARNING, Finding, Findings
from skinexp.data.audit.image_audit import (
    apply_findings,
    audit,
    audit_prepared,
    with_copies_joined,
    with_split_findings,
)
from skinexp.data.audit.leaks import leaks_of, refuse_leakage, split_leakage

__all__ = [
    "NOTE",
    "SERIOUS",
    "SEVERITIES",
    "WARNING",
    "Finding",
    "Findings",
    "apply_findings",
    "audit",
    "audit_prepared",
    "leaks_of",
    "refuse_leakage",
    "split_leakage",
    "with_copies_joined",
    "with_split_findings",
]
