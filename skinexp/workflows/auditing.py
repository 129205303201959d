"""The story of an audit, one noun a line: table, findings, files, page, paragraph."""

import logging
from pathlib import Path
from typing import Any

import numpy as np

from skinexp.config.schema import Config
from skinexp.core import run_files, terminal
from skinexp.core.atomic_files import replace_text, write_tables
from skinexp.core.strict_json import write_json
from skinexp.data.audit import Findings, audit
from skinexp.data.preparation import image_cache
from skinexp.data.preparation.preprocess import ImageError
from skinexp.data.sources import registry
from skinexp.data.table import Table
from skinexp.report.pages import audit_page
from skinexp.workflows import audit_outputs

log = logging.getLogger(__name__)

PAGE = "audit.html"


def run(config: Config, directory: Path, about: dict[str, Any]) -> Findings:
    """Audits the images of an experiment, writes audit.html, audit.json and a table a finding, and says what it found.

    Args:
        directory: to write into.
        about: what else audit.json shall hold.
    """
    table = registry.load(config.data, config.seed)
    log.info("Data      %s", table)
    findings = audit(table, config.data)
    values = findings.to_dict() | {"name": table.name, "data_digest": table.digest} | about
    write_json(directory / run_files.AUDIT, values)
    write_tables({finding.name: finding.rows for finding in findings if len(finding.rows)}, directory / "audit")
    audit_outputs.write_card(table, findings, config, directory, {}, prepared=False)
    page = audit_page.render(findings, table, _picture_of(table), str(about["command"]))
    replace_text(directory / PAGE, page)
    audit_page.show(findings)
    log.info("Page      %s", terminal.from_here(directory / PAGE))
    return findings


def _picture_of(table: Table) -> audit_page.PictureOf:
    positions = table.frame["position"].tolist()

    def picture(row: int) -> np.ndarray | None:
        try:
            return image_cache.read(table.reader, positions[row])
        except (ImageError, OSError):
            return None

    return picture
