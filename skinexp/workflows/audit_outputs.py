"""What a training tells about its audit: audit.json and the data card in its directory, a line, a tag."""

import dataclasses
import logging
from collections.abc import Mapping
from pathlib import Path

from skinexp.config.schema import Config
from skinexp.core import run_files
from skinexp.core.atomic_files import replace_text
from skinexp.core.strict_json import write_json
from skinexp.data.audit import SERIOUS, Findings
from skinexp.data.preparation.image_cache import Prepared
from skinexp.data.table import Table
from skinexp.report.pages import data_card
from skinexp.runs import provenance
from skinexp.runs.run_log import RunLog
from skinexp.runs.run_summary import AuditSummary

log = logging.getLogger(__name__)


def record(findings: Findings, prepared: Prepared, config: Config, directory: Path, run_log: RunLog) -> None:
    """Writes down what the audit of a training found, wherever a person may look."""
    write_card(prepared.table, findings, config, directory, prepared.bad)
    if findings.mode == "off":
        log.info("Audit     off: nobody looked for copies, contradictory labels and confounds")
        return
    write(findings, directory)
    counts = {finding.name: finding.count for finding in findings}
    run_log.add(audit=AuditSummary(findings.mode, findings.worst, counts))
    run_log.file(directory / run_files.AUDIT)
    log.log(logging.WARNING if findings.worst == SERIOUS else logging.INFO, "Audit     %s", findings.sentence)


def write_card(
    table: Table, findings: Findings, config: Config, directory: Path, bad: Mapping[str, str], prepared: bool = True
) -> None:
    """Writes data_card.md."""
    data = config.data
    source = data.path or f"data=phantom seed={config.seed}"
    options = dataclasses.asdict(data.preprocess) if prepared else {}
    card = data_card.render(table, findings, options, source, bad, provenance.command_line())
    replace_text(directory / run_files.DATA_CARD, card)


def write(findings: Findings, directory: Path) -> None:
    """Writes audit.json."""
    write_json(directory / run_files.AUDIT, findings.to_dict())
