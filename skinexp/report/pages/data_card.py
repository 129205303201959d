"""The data card: the composition of a data set, its preprocessing and split, and the findings of its audit.

It follows the questions of Gebru et al., "Datasheets for Datasets", Communications of the ACM 64 (2021), as far as the
data set itself contains the answer. The collectors of the data can answer the others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from skinexp.data.audit import Findings
from skinexp.data.card_content import CardContent
from skinexp.data.table import CLASS_NAMES, GIVEN_SPLIT, Table, metadata_columns
from skinexp.report.pages import precision_table
from skinexp.report.pages.audit_page import title_of
from skinexp.report.pages.table_1 import flow_sentences, how_to_state, stated_fields, wide

MOST_LEVELS = 12  # of a column that the card counts
CONFOUNDS = ("confounded", "linked")  # findings that are listed as confounds
UNKNOWN = "not stated"
UNAUDITED = "none"  # the mode of findings about images that no audit has seen


@dataclass(frozen=True)
class About:
    """What the card says of a data set besides its table and its audit.

    Attributes:
        source: where the images came from.
        command: that wrote the card.
        facts: topic -> sentence, as `skinexp.data.facts` words them.
        bad: path and reason of each image that could not be used.
        content: numbers and named fields; None: the card has none.
    """

    source: str
    command: str
    facts: Mapping[str, str]
    bad: Mapping[str, str]
    content: CardContent | None = None


def render(table: Table, findings: Findings, preprocess: Mapping[str, Any], about: About) -> str:
    """Returns the card as Markdown.

    Args:
        table: with column `split`, or else `given_split`, if the images are split.
        findings: of its audit.
        preprocess: the options that images were prepared with; empty if they were not.
        about: the rest.
    """
    frame = table.frame
    parts = [
        f"# Data card: {_plain(table.name)}",
        "What this set is made of, after *Datasheets for Datasets* (Gebru et al. 2021). Written by "
        f"`{_plain(about.command)}`. Why the set was made, who took the pictures, and whether patients agreed, is for "
        "those to say who collected it.",
        "## Source and licence",
        _list(
            {
                "Source": f"`{_plain(about.source)}`",
                "Licence": _plain(table.licence or f"{UNKNOWN} (set it with data.licence=...)"),
                "Data digest": f"`{table.digest}` (changes with any image, label or group)",
            }
        ),
        "## Composition",
        _composition(table, about),
        _by_split(frame),
        _by_column(frame),
        *_described(about.content),
        "## Preprocessing",
        _list({name: str(value) for name, value in preprocess.items()}) if preprocess else "None: files as they are.",
        "## Audit",
        _audit(findings),
        "## Known confounds",
        _confounds(findings),
        "## Uses",
        "Research on classifiers of dermoscopic images. Not for diagnosis: scores on this set say nothing about "
        "patients who are not like those in it.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _composition(table: Table, about: About) -> str:
    frame = table.frame
    facts = {
        "Images": f"{len(frame):,}",
        "Classes": ", ".join(f"{count:,} {name}" for name, count in table.counts().items()),
    }
    if table.excluded:
        facts["Excluded classes"] = ", ".join(f"{count:,} {name}" for name, count in table.excluded.items())
    if about.bad:
        facts["Excluded because they cannot be used"] = f"{len(about.bad):,} (audit.json lists them)"
    return _list(facts | {topic: _plain(sentence) for topic, sentence in about.facts.items()})


def _described(content: CardContent | None) -> list[str]:
    """Returns the flow of images, Table 1, and what only people know."""
    if content is None:
        return []
    table = wide(content.table_1)
    return [
        "## Flow of images",
        "\n".join(f"* {_plain(line)}" for line in flow_sentences(content.flow)),
        "## Table 1",
        _table(table.head, table.rows),
        "Counted in images, with their share of the images of the column. A patient or lesion with images of both "
        "classes counts in both.",
        *_planned(content),
        "## Stated by people",
        _list({name: _plain(text) for name, text in stated_fields(content.stated).items()}),
        how_to_state(content.stated),
    ]


def _planned(content: CardContent) -> list[str]:
    if not content.precision:
        return []
    table = _table(precision_table.HEAD, precision_table.precision_rows(content.precision))
    missing = _plain(precision_table.without_interval(content.precision))
    return ["## Precision planning", table, missing, precision_table.NOTE.format(**content.plan)]


def _by_split(frame: pd.DataFrame) -> str:
    column = next((name for name in ("split", GIVEN_SPLIT) if name in frame), None)
    if column is None:
        return ""
    rows = []
    for name, part in frame.groupby(column, sort=False):
        counts = [int((part["label"] == label).sum()) for label in range(len(CLASS_NAMES))]
        rows.append([str(name), *(f"{count:,}" for count in counts), f"{len(part):,}", f"{part['group'].nunique():,}"])
    order = {"train": 0, "val": 1, "test": 2}
    return _table(["split", *CLASS_NAMES, "images", "groups"], sorted(rows, key=lambda row: order.get(row[0], 3)))


def _by_column(frame: pd.DataFrame) -> str:
    """Images of each level of what is known about them."""
    rows = []
    for column in metadata_columns(frame):
        values = frame[column]
        if pd.api.types.is_numeric_dtype(values) and values.nunique() > MOST_LEVELS:
            low, middle, high = values.quantile([0, 0.5, 1])
            rows.append([column, f"{low:.4g} to {high:.4g}, median {middle:.4g}", f"{values.notna().sum():,}"])
        elif 1 < values.nunique() <= MOST_LEVELS:
            counts = values.fillna("unknown").astype(str).value_counts()
            rows += [[column, str(level), f"{count:,}"] for level, count in counts.items()]
    return _table(["column", "value", "images"], rows) if rows else ""


def _audit(findings: Findings) -> str:
    if findings.mode == UNAUDITED:
        return "An evaluation makes no audit."
    if findings.mode == "off":
        return "No audit was made (data.audit=off)."
    how = "all files" if findings.mode == "full" else "the prepared images, quickly"
    if not findings.found:
        return f"Audited: {how}. The audit found nothing to warn about."
    lines = [f"* **{title_of(finding)}** ({finding.severity}): {_plain(finding.sentence)}." for finding in findings]
    return f"Audited: {how}.\n\n" + "\n".join(lines)


def _confounds(findings: Findings) -> str:
    if findings.mode in ("off", UNAUDITED):
        return "No audit was made."
    rows = [
        [str(row["column"]), str(row["measure"]), f"{row['value']:.2f}", str(row["detail"])]
        for finding in findings
        if finding.name in CONFOUNDS
        for _, row in finding.rows.iterrows()
    ]
    if not rows:
        return "None was found among the columns of the table."
    what = "V: Cramer's V (0 to 1). AUC: ROC-AUC of the column for malignant."
    return f"{_table(['column', 'measure', 'value', 'in words'], rows)}\n\n{what}"


def _list(facts: Mapping[str, str]) -> str:
    return "\n".join(f"* {name}: {value}" for name, value in facts.items())


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")


def _plain(text: str) -> str:
    """On one line, without what Markdown or HTML would read as its own."""
    return " ".join(text.split()).replace("<", "&lt;").replace("`", "'")
