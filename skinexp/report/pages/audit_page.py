"""An audit as a page, with the images of each finding side by side; and as a table on the terminal."""

import base64
import datetime
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image
from rich import box
from rich.markup import escape
from rich.table import Table as TerminalTable

from skinexp.core.number_format import counted, whole
from skinexp.core.terminal import console
from skinexp.data.audit import NOTE, SERIOUS, WARNING, Finding, Findings
from skinexp.data.table import CLASS_NAMES, Table
from skinexp.report.pages.comparison_page import without_passwords

PictureOf = Callable[[int], npt.NDArray[np.uint8] | None]  # row of the table -> (height, width, 3) RGB

SIDE = 160  # pixels of the longer side of a picture on the page, drawn twice as large for sharp screens
MOST_SETS, MOST_OF_A_SET = 12, 8  # pairs or clusters of a finding that are shown, and pictures of one
MOST_ROWS = 50  # of a finding that the page lists
KINDS = {SERIOUS: "collapsed", WARNING: "warning", NOTE: "not"}  # the style of a tag for each severity
TERMINAL_STYLES = {SERIOUS: "red", WARNING: "yellow", NOTE: "dim"}


@dataclass(frozen=True)
class Shown:
    """A picture on the page; `source` is None if the file cannot be read."""

    source: str | None
    width: int
    height: int
    name: str
    label: str


@dataclass(frozen=True)
class Section:
    """A finding on the page."""

    finding: Finding
    title: str
    kind: str
    sets: Sequence[tuple[Sequence[Shown], str]]  # pictures side by side, and what is said below them
    more: int  # sets that are not shown
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def render(
    findings: Findings, table: Table, picture_of: PictureOf, command: str, day: datetime.date | None = None
) -> str:
    """Returns the page as HTML: one document that loads nothing from anywhere.

    Args:
        picture_of: gives the picture of a row of the table, None if there is none.
        command: that made the audit.
        day: the date on the page; today by default.
    """
    environment = Environment(
        loader=PackageLoader("skinexp.report"),
        autoescape=True,  # names come from files
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    html = environment.get_template("audit.html.j2").render(
        name=table.name,
        day=day or datetime.date.today(),
        findings=findings,
        verdict=verdict(findings),
        sections=[_section(finding, table.frame, picture_of) for finding in findings],
        about=str(table),
        facts={"Command": command, "Data digest": table.digest},
    )
    return without_passwords(html)


def verdict(findings: Findings) -> str:
    """Returns the result of the audit in a sentence."""
    counts = {severity: sum(finding.severity == severity for finding in findings) for severity in KINDS}
    if counts[SERIOUS]:
        return "Scores on this set are not valid until the serious findings are resolved."
    if counts[WARNING]:
        return "Read the warnings before you rely on a score on this set."
    return "The audit found nothing to warn about."


def title_of(finding: Finding) -> str:
    """Returns a finding's title."""
    return TITLES.get(finding.name, finding.name.replace("_", " ").capitalize())


TITLES = {
    "byte_identical": "The same file",
    "pixel_identical": "The same pixels",
    "near_duplicates": "The same photograph, changed",
    "augmented_siblings": "Augmented before the split",
    "same_image_other_label": "One image, two labels",
    "same_lesion_other_label": "One lesion, two labels",
    "straddles_given_split": "On both sides of the given split",
    "straddles_split": "On both sides of the split",
    "giant_group": "One very large group",
    "confounded": "Associated with the class",
    "linked": "Also associated with the class",
    "few_cases": "Few cases",
    "few_of_a_level": "Levels with few cases",
    "unusable": "Unusable files",
    "left_aside": "Unused files",
    "dark": "Nearly black",
    "mask_like": "Masks rather than photographs",
    "one_stem": "Pairs of one stem",
    "brightness_differs": "Parts differ in brightness",
    "extreme_aspect": "Extreme aspect",
    "odd_mode": "Odd modes",
    "turned_by_exif": "Turned by EXIF",
    "wrong_suffix": "Wrong suffix",
}


def show(findings: Findings) -> None:
    """Prints the verdict and one line per finding."""
    console.print(f"\n[bold]Audit[/bold] of {whole(findings.images)} images. {escape(verdict(findings))}")
    if not findings.found:
        return
    table = TerminalTable(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("", no_wrap=True)
    table.add_column("count", justify="right", no_wrap=True)
    table.add_column("finding", overflow="fold")
    for finding in findings:
        colour = TERMINAL_STYLES[finding.severity]
        table.add_row(f"[{colour}]{finding.severity}[/{colour}]", whole(finding.count), escape(finding.sentence))
    console.print(table)


def _section(finding: Finding, frame: pd.DataFrame, picture_of: PictureOf) -> Section:
    sets = [
        ([_shown(row, frame, picture_of) for row in rows[:MOST_OF_A_SET]], _below(finding, number, rows))
        for number, rows in enumerate(finding.shown[:MOST_SETS])
    ]
    shown = finding.rows.head(MOST_ROWS)
    rows = [[_cell(value) for value in row] for row in shown.itertuples(index=False)]
    more = max(0, (len(finding.rows) if _is_a_row_a_set(finding) else len(finding.shown)) - len(sets))
    return Section(finding, title_of(finding), KINDS[finding.severity], sets, more, list(map(str, shown.columns)), rows)


def _is_a_row_a_set(finding: Finding) -> bool:
    return bool({"relation", "detail"} & set(finding.rows)) and bool(finding.shown)


def _below(finding: Finding, number: int, rows: Sequence[int]) -> str:
    """Returns the caption below the images of a set."""
    if _is_a_row_a_set(finding) and number < len(finding.rows):
        row = finding.rows.iloc[number]
        return f"{row['relation']}, {row['score']:.2f}" if "relation" in finding.rows else str(row["detail"])
    return counted(len(rows), "image") + (f", of which {MOST_OF_A_SET} are shown" if len(rows) > MOST_OF_A_SET else "")


def _shown(row: int, frame: pd.DataFrame, picture_of: PictureOf) -> Shown:
    name, label = str(frame["image_id"].iloc[row]), CLASS_NAMES[frame["label"].iloc[row]]
    pixels = picture_of(row)
    if pixels is None:
        return Shown(None, SIDE, SIDE, name, label)
    picture = Image.fromarray(pixels)
    picture.thumbnail((2 * SIDE, 2 * SIDE))
    stream = io.BytesIO()
    picture.save(stream, format="webp", quality=80)
    scale = SIDE / max(picture.size)
    source = f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"
    width, height = (max(1, round(scale * side)) for side in picture.size)
    return Shown(source, width, height, name, label)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return "" if value is None else str(value)
