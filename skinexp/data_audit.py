"""The story of an audit, one noun a line: table, findings, files, page, paragraph."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np

from skinexp import audited, terminal
from skinexp.config import Config
from skinexp.data import sources, store
from skinexp.data.audit import Findings, audit
from skinexp.data.preprocess import ImageError
from skinexp.data.table import Table
from skinexp.files import replace_text, write_tables
from skinexp.report import audit_page
from skinexp.result import plain

log = logging.getLogger(__name__)

PAGE = "audit.html"


def run(config: Config, directory: Path, about: dict[str, Any]) -> Findings:
    """Audits the images of an experiment, writes audit.html, audit.json and a table a finding, and says what it found.

    Args:
        directory: to write into.
        about: what else audit.json shall hold.
    """
    table = sources.load(config.data, config.seed)
    log.info("Data      %s", table)
    findings = audit(table, config.data)
    values = findings.to_dict() | {"name": table.name, "data_digest": table.digest} | about
    replace_text(directory / audited.FILE, json.dumps(plain(values), indent=2) + "\n")
    write_tables({finding.name: finding.rows for finding in findings if len(finding.rows)}, directory / "audit")
    audited.write_card(table, findings, config, directory, {}, prepared=False)
    page = audit_page.render(findings, table, _picture_of(table), str(about["command"]))
    replace_text(directory / PAGE, page)
    audit_page.show(findings)
    log.info("Page      %s", terminal.from_here(directory / PAGE))
    return findings


def _picture_of(table: Table) -> audit_page.PictureOf:
    positions = table.frame["position"].tolist()

    def picture(row: int) -> np.ndarray | None:
        try:
            return store.read(table.reader, positions[row])
        except (ImageError, OSError):
            return None

    return picture
