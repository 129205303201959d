"""The outputs of a run's audit: audit.json, data_card.md, a log line, metrics and a tag."""

import dataclasses
import logging
from collections.abc import Mapping
from pathlib import Path

from skinexp.config.schema import Config
from skinexp.core import run_files
from skinexp.core.atomic_files import replace_text
from skinexp.core.strict_json import write_json
from skinexp.data.audit import SERIOUS, Findings
from skinexp.data.table import Table
from skinexp.report.pages import data_card
from skinexp.runs import provenance
from skinexp.runs.run_log import RunLog
from skinexp.runs.run_summary import AuditSummary
from skinexp.workflows.dataset import Dataset, all_facts

log = logging.getLogger(__name__)


def write_audit_outputs(dataset: Dataset, config: Config, directory: Path, run_log: RunLog) -> None:
    """Writes the findings of a training's audit and its data card, and records the findings.

    Args:
        dataset: the images and the findings.
        config: the experiment.
        directory: of the run.
        run_log: gains the entry `audit`.
    """
    findings = dataset.findings
    write_card(dataset.prepared.table, findings, config, directory, all_facts(dataset), dataset.prepared.bad)
    if findings.mode == "off":
        log.info("Audit     off: copies, contradictory labels and confounds are not searched for")
        return
    write_findings(findings, directory)
    counts = {finding.name: finding.count for finding in findings}
    run_log.add(audit=AuditSummary(findings.mode, findings.worst, counts))
    run_log.file(directory / run_files.AUDIT)
    log.log(logging.WARNING if findings.worst == SERIOUS else logging.INFO, "Audit     %s", findings.sentence)


def write_card(
    table: Table,
    findings: Findings,
    config: Config,
    directory: Path,
    facts: Mapping[str, str],
    bad: Mapping[str, str] | None = None,
) -> None:
    """Writes data_card.md.

    Args:
        table: the images.
        findings: of their audit.
        config: the experiment.
        directory: to write into.
        facts: topic -> sentence, as they are logged.
        bad: path and reason of each image that cannot be used; None if the images were not prepared.
    """
    data = config.data
    source = data.path or f"data={data.name} seed={config.data_seed}"
    options = {} if bad is None else dataclasses.asdict(data.preprocess)
    about = data_card.About(source, provenance.command_line(), facts, bad or {})
    card = data_card.render(table, findings, options, about)
    replace_text(directory / run_files.DATA_CARD, card)


def write_findings(findings: Findings, directory: Path, more: Mapping[str, object] | None = None) -> None:
    """Writes audit.json: the findings, and further entries."""
    write_json(directory / run_files.AUDIT, findings.to_dict() | dict(more or {}))
