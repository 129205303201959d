"""The data warnings of runs: what each run's own audit found, once for all runs with the same findings."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from skinexp.core import run_files
from skinexp.runs.run_outputs import RunOutputs, read_audit


@dataclass(frozen=True)
class DataWarnings:
    """The findings of the audit of some runs' images.

    Attributes:
        runs: names of the runs.
        images: how many were audited.
        findings: (severity, sentence) each; empty if there are none.
    """

    runs: Sequence[str]
    images: int
    findings: Sequence[tuple[str, str]]


def data_warnings(records: Sequence[RunOutputs]) -> list[DataWarnings]:
    """Reads the audits of the runs that kept one."""
    users: dict[str, tuple[list[str], dict[str, Any]]] = {}
    for record in records:
        if (audit := _read(record)) is not None:
            facts = [audit.get("images"), [(one["severity"], one["sentence"]) for one in audit["findings"]]]
            users.setdefault(json.dumps(facts), ([], audit))[0].append(record.name)
    return [
        DataWarnings(
            names, int(audit.get("images") or 0), [(one["severity"], one["sentence"]) for one in audit["findings"]]
        )
        for names, audit in users.values()
    ]


def _read(record: RunOutputs) -> dict[str, Any] | None:
    """Returns a run's audit; None if it has none, or a damaged one, which must not cost the page."""
    try:
        return read_audit(record.directory / run_files.AUDIT)
    except (OSError, ValueError, KeyError, TypeError):
        return None
