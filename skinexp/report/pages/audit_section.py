"""The data's audit on the comparison page: what each run's own audit found, told once for runs that found the same."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from skinexp.runs.run_outputs import RunRecord

FILE = "audit.json"
KINDS = {"serious": "collapsed", "warning": "warning", "note": "not"}  # the style of a tag for each severity


@dataclass(frozen=True)
class AuditBlock:
    """What some runs' audits found: (severity, style, sentence) each; nothing where all is well."""

    runs: Sequence[str]
    mode: str
    images: int
    found: Sequence[tuple[str, str, str]]


def blocks(records: Sequence[RunRecord]) -> list[AuditBlock]:
    """The audits of the runs that kept one."""
    told: dict[str, tuple[list[str], dict[str, Any]]] = {}
    for record in records:
        if (audit := _read(record)) is not None:
            facts = [audit.get("images"), [(one["severity"], one["sentence"]) for one in audit["findings"]]]
            told.setdefault(json.dumps(facts), ([], audit))[0].append(record.name)
    return [
        AuditBlock(
            names,
            str(audit.get("mode")),
            int(audit.get("images") or 0),
            [(one["severity"], KINDS.get(one["severity"], "not"), one["sentence"]) for one in audit["findings"]],
        )
        for names, audit in told.values()
    ]


def _read(record: RunRecord) -> dict[str, Any] | None:
    """None where a run has none, or a broken one: it must not cost the page."""
    try:
        audit = json.loads((record.directory / FILE).read_text(encoding="utf-8"))
        [(one["severity"], one["sentence"]) for one in audit["findings"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return audit
