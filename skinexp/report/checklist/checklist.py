"""The checklist as Markdown: of one run, beside its files, and of a comparison, beside its page."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from skinexp.comparison.analyse import Comparison
from skinexp.core import run_files
from skinexp.core.atomic_files import replace_text
from skinexp.core.number_format import counted
from skinexp.core.temporary import is_temporary
from skinexp.report.checklist.items import PARTS, Item
from skinexp.report.checklist.places import Directory, Place
from skinexp.runs.run_outputs import RunOutputs

OPENING = (
    "The items of TRIPOD+AI (Collins et al., BMJ 385 (2024) e078378) in short words. *Filled in* names where skinexp "
    "has left what an item asks for, as far as it knows it; nothing is named that is not there. *People must add* is "
    "what no program can know. The full wording of the items is in the statement."
)


@dataclass(frozen=True)
class Source:
    """A directory in which items are filled in.

    Attributes:
        directory: with the files.
        link: from the checklist to the directory; None if it will be removed.
        name: of a run whose directory will be removed.
    """

    directory: Directory
    link: str | None
    name: str = ""


def write_run_checklist(directory: Path) -> None:
    """Writes checklist.md of a run or an evaluation into its directory, from the files that are there."""
    text = render([Source(Directory(directory), "")])
    replace_text(directory / run_files.CHECKLIST, text)


def write_comparison_checklist(comparison: Comparison, directory: Path) -> None:
    """Writes checklist.md of a comparison beside its page, from that page and the files of the finished runs."""
    sources = [Source(Directory(directory), ""), *(_source(run, directory) for run in _single_runs(comparison))]
    replace_text(directory / run_files.CHECKLIST, render(sources))


def render(sources: Sequence[Source]) -> str:
    """Returns the checklist.

    Args:
        sources: directories in which items may be filled in; the first that has a place is named.
    """
    items = [item for part in PARTS.values() for item in part]
    filled = sum(bool(_found(item, sources)) for item in items)
    parts = [
        "# TRIPOD+AI checklist",
        OPENING,
        f"{filled} of {len(items)} items are filled in here, entirely or in part.",
    ]
    for title, of_part in PARTS.items():
        rows = [
            (item.number, item.asks, "<br>".join(_found(item, sources)), _to_add(item, sources)) for item in of_part
        ]
        head = ["| item | asks for | filled in | people must add |", "|---|---|---|---|"]
        parts += [f"## {title}", "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows)])]
    return "\n\n".join(parts) + "\n"


def _single_runs(comparison: Comparison) -> list[RunOutputs]:
    """Returns the finished runs; the folds of a cross-validation in place of what was pooled from them."""
    return [
        member
        for run in comparison.finished
        for member in comparison.folds.folds.get(run.name, [run])
        if member.finished
    ]


def _source(run: RunOutputs, directory: Path) -> Source:
    if is_temporary(run.directory):
        return Source(Directory(run.directory), None, run.summary.run_id or run.name)
    return Source(Directory(run.directory), f"{os.path.relpath(run.directory, directory)}/")


def _found(item: Item, sources: Sequence[Source]) -> list[str]:
    """Returns the places where an item is filled in, with what is found there."""
    stated = [Place(run_files.DATA_CARD_VALUES, f"stated.{name}", _words(name)) for name in item.stated]
    return [text for place in (*item.places, *stated) if (text := _located(place, sources))]


def _located(place: Place, sources: Sequence[Source]) -> str:
    """Returns where a place is, in the first directory that has it; empty if none has it."""
    having = [source for source in sources if source.directory.has(place)]
    if not having:
        return ""
    first, *others = having
    at = f" `{place.at}`" if place.at else ""
    more = f" (and {counted(len(others), 'more run')})" if others else ""
    if first.link is None:
        return f"`{place.file}`{at} of MLflow run {first.name}: {place.what}{more}"
    name = f"{first.link}{place.file}"
    anchor = f"#{place.at}" if place.file.endswith(".html") and place.at else ""
    shown = name.replace("|", "\\|")  # which would end the cell
    return f"[`{shown}`]({quote(name)}{anchor}){at}: {place.what}{more}"


def _to_add(item: Item, sources: Sequence[Source]) -> str:
    """Returns what people must add; fields of the data card that are not stated are among it."""
    unknown = [
        f"{_words(name)}: `data.card.{name}`"
        for name in item.stated
        if not any(source.directory.has(Place(run_files.DATA_CARD_VALUES, f"stated.{name}")) for source in sources)
    ]
    missing = _not_recorded(sources) if item.needs_table_1 else ""
    return "; ".join(part for part in (*unknown, missing, item.people) if part)


def _not_recorded(sources: Sequence[Source]) -> str:
    """Returns what no Table 1 of the sources records; empty if there is no Table 1."""
    lacking = [names for source in sources if (names := source.directory.not_recorded()) is not None]
    always = [name for name in (lacking[0] if lacking else []) if all(name in names for names in lacking)]
    return f"what the data do not record: {', '.join(always)}" if always else ""


def _words(name: str) -> str:
    return name.replace("_", " ")
