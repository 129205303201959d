"""What a run records about the audit of its images: audit.json, data_card.md, a log line, metrics and a tag."""

import dataclasses
import json
import logging
from collections.abc import Mapping
from pathlib import Path

from skinexp import tracking
from skinexp.config.schema import Config
from skinexp.core.atomic_files import replace_text
from skinexp.data.audit import SERIOUS, Findings
from skinexp.data.table import Table
from skinexp.report.pages import data_card
from skinexp.runs import provenance
from skinexp.runs.result import Result, plain
from skinexp.workflows.dataset import Dataset

FILE, CARD = "audit.json", "data_card.md"

log = logging.getLogger(__name__)


def write_audit_outputs(dataset: Dataset, config: Config, directory: Path, result: Result, run: tracking.Run) -> None:
    """Writes the findings of a training's audit and its data card, and logs the findings to the MLflow run.

    Args:
        dataset: the images and the findings.
        config: the experiment.
        directory: of the run.
        result: gains the entry `audit`.
        run: the run as it is tracked.
    """
    findings = dataset.findings
    write_card(dataset.prepared.table, findings, config, directory, dataset.prepared.bad)
    if findings.mode == "off":
        log.info("Audit     off: no search for copies, contradictory labels and confounds")
        return
    write_findings(findings, directory)
    counts = {finding.name: finding.count for finding in findings}
    result.add(audit={"mode": findings.mode, "verdict": findings.worst, "findings": counts})
    run.tags({"audit": findings.worst})
    run.metrics({f"audit/{name}": count for name, count in counts.items()})
    run.file(directory / FILE)
    log.log(logging.WARNING if findings.worst == SERIOUS else logging.INFO, "Audit     %s", findings.sentence)


def write_card(
    table: Table, findings: Findings, config: Config, directory: Path, bad: Mapping[str, str], prepared: bool = True
) -> None:
    """Writes data_card.md.

    Args:
        table: the images.
        findings: of their audit.
        config: the experiment.
        directory: to write into.
        bad: path and reason of each image that cannot be used.
        prepared: whether the images were prepared as `data.preprocess` says.
    """
    data = config.data
    source = data.path or f"data={data.name} seed={config.seed}"
    options = dataclasses.asdict(data.preprocess) if prepared else {}
    card = data_card.render(table, findings, options, source, bad, provenance.command_line())
    replace_text(directory / CARD, card)


def write_findings(findings: Findings, directory: Path, more: Mapping[str, object] | None = None) -> None:
    """Writes audit.json: the findings, and further entries."""
    values = findings.to_dict() | dict(more or {})
    replace_text(directory / FILE, json.dumps(plain(values), indent=2) + "\n")
