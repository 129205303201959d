"""The outputs of a run's audit: audit.json, data_card.md and data_card.json, a log line, metrics and a tag."""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from skinexp.config.schema import Config
from skinexp.core import run_files
from skinexp.core.atomic_files import replace_text
from skinexp.core.result_file import read_result
from skinexp.core.strict_json import write_json
from skinexp.data.audit import SERIOUS, Findings
from skinexp.data.card_content import card_content
from skinexp.data.precision import PlannedPrecision
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
    prepared, facts = dataset.prepared, all_facts(dataset, config)
    write_card(prepared.table, findings, config, directory, facts, prepared.bad, dataset.precision)
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
    precision: Sequence[PlannedPrecision] = (),
) -> None:
    """Writes data_card.md, and data_card.json with its numbers and named fields.

    Args:
        table: the images that are used.
        findings: of their audit.
        config: the experiment.
        directory: to write into.
        facts: topic -> sentence, as they are logged.
        bad: path and reason of each image that cannot be used; None if the images were not prepared.
        precision: that the test part gives to the planned ROC-AUC; empty if none is planned.
    """
    data = config.data
    source = data.path or f"data={data.name} seed={config.data_seed}"
    options = {} if bad is None else dataclasses.asdict(data.preprocess)
    content = card_content(table, source, data.card)
    content = dataclasses.replace(content, plan=dataclasses.asdict(config.plan), precision=list(precision))
    # That of the run, if the directory has one: the process of a sweep's job was started by no person.
    command = read_result(directory).get("command") or provenance.command_line()
    about = data_card.About(source, str(command), facts, bad or {}, content)
    replace_text(directory / run_files.DATA_CARD, data_card.render(table, findings, options, about))
    write_json(directory / run_files.DATA_CARD_VALUES, dataclasses.asdict(content))


def write_findings(findings: Findings, directory: Path, more: Mapping[str, object] | None = None) -> None:
    """Writes audit.json: the findings, and further entries."""
    write_json(directory / run_files.AUDIT, findings.to_dict() | dict(more or {}))
