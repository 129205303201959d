"""The audit workflow: audits a data set, and writes the findings, the data card and the page."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from skinexp.config.schema import Config
from skinexp.core import run_files, terminal
from skinexp.core.atomic_files import replace_text, write_tables
from skinexp.data.audit import Findings, audit, with_copies_joined
from skinexp.data.facts import table_facts
from skinexp.data.precision import planned_precision_or_reason
from skinexp.data.preparation import image_cache
from skinexp.data.preparation.preprocess import ImageError
from skinexp.data.sampling import sampling_of
from skinexp.data.table import Table
from skinexp.data.unused import unusable_by_reason
from skinexp.report.pages import audit_page
from skinexp.workflows import audit_outputs
from skinexp.workflows.dataset import log_facts, log_table, sampling_facts

log = logging.getLogger(__name__)


def run(config: Config, table: Table, directory: Path, about: dict[str, Any]) -> Findings:
    """Audits the images of an experiment, prints the findings, and writes audit.html, audit.json and their tables.

    Args:
        config: the experiment; `data`, `plan` and `seed` are read.
        table: its images, loaded.
        directory: to write into.
        about: further entries of audit.json; `command` is shown on the page.
    """
    log_table(table)
    findings = audit(table, config.data)
    usable = _usable(with_copies_joined(table, findings, config.data), findings)
    planned, precision = planned_precision_or_reason(usable.frame, config)
    log_facts({"Precision": precision})
    audit_outputs.write_findings(findings, directory, {"name": table.name, "data_digest": table.digest} | about)
    write_tables({finding.name: finding.rows for finding in findings if len(finding.rows)}, directory / "audit")
    said = sampling_facts(sampling_of(table, config.evaluate.sampling)) | {"Precision": precision}
    facts = table_facts(table) | said
    audit_outputs.write_card(usable, findings, config, directory, facts, precision=planned)
    page = audit_page.render(findings, table, _image_reader(table), str(about["command"]))
    replace_text(directory / run_files.AUDIT_PAGE, page)
    audit_page.show(findings)
    log.info("Page      %s", terminal.from_here(directory / run_files.AUDIT_PAGE))
    return findings


def _usable(table: Table, findings: Findings) -> Table:
    """Returns the table without the images that a training could not use, each with its reason."""
    if (finding := findings.named("unusable")) is None:
        return table
    reasons = finding.rows.set_index("path")["reason"]
    unusable = table.frame["path"].isin(reasons.index).to_numpy()
    usable = replace(table, frame=table.frame[~unusable].reset_index(drop=True))
    return replace(usable, left_out=table.left_out | unusable_by_reason(reasons))


def _image_reader(table: Table) -> audit_page.PictureOf:
    """Returns a function from a row of the table to its image; None if the image cannot be read."""
    positions = table.frame["position"].tolist()

    def read(row: int) -> np.ndarray | None:
        try:
            return image_cache.read(table.reader, positions[row])
        except (ImageError, OSError):
            return None

    return read
