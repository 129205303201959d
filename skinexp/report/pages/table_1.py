"""Table 1, the flow of images and the stated fields as text: for the data card and for the comparison page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skinexp.core.number_format import ABSENT, whole
from skinexp.data.characteristics import ALL, NOT_RECORDED, QUARTILES, Characteristic
from skinexp.data.flow import ADDED, LEFT_OUT, LISTED, FlowStep
from skinexp.evaluation import CLASSES

PARTS = {"train": "training", "val": "validation"}  # other parts are called as they are
OWN_COUNT = ("images", "patients", "lesions")  # rows that are no share of the images
UNKNOWN = "unknown"


@dataclass(frozen=True)
class WideTable:
    """A table as text: its columns, and its rows, whose first cell is their name."""

    head: list[str]
    rows: list[list[str]]


def wide(rows: Sequence[Characteristic]) -> WideTable:
    """Returns Table 1 with a column for each class of each part of the split.

    Args:
        rows: of `skinexp.data.characteristics`; those of images are among them.
    """
    images = next((row.values for row in rows if row.name == "images"), {})
    columns = [(part, name) for part in images for name in (*CLASSES, *([ALL] if part == ALL else []))]
    several = len(images) > 1
    head = ["Characteristic", *(f"{PARTS.get(part, part)}, {name}" if several else name for part, name in columns)]
    return WideTable(head, [[_name(row), *(_cell(row, images, part, name) for part, name in columns)] for row in rows])


def _name(row: Characteristic) -> str:
    if row.statistic == QUARTILES:
        return f"{row.name} in {row.level}, median (quartiles)"
    return f"{row.name}: {row.level}" if row.level else row.name


def _cell(row: Characteristic, images: Mapping[str, Any], part: str, name: str) -> str:
    if row.level == NOT_RECORDED:
        return ABSENT
    value = row.values.get(part, {}).get(name)
    if value is None:
        return ABSENT
    if row.statistic == QUARTILES:
        low, middle, high = value
        return f"{middle:.4g} ({low:.4g} to {high:.4g})"
    of = images[part][name]
    is_share = row.name not in OWN_COUNT and of
    return f"{whole(value)} ({value / of:.0%})" if is_share else whole(value)


def flow_sentences(steps: Sequence[FlowStep]) -> list[str]:
    """Returns a line for each step of the flow of images."""
    words = {LISTED: "listed by the source", LEFT_OUT: "left out", ADDED: "added"}
    return [
        f"{whole(step.images)} {words.get(step.step, step.step)}{f': {step.reason}' if step.reason else ''}"
        for step in steps
    ]


def stated_fields(stated: Mapping[str, str | None]) -> dict[str, str]:
    """Returns the fields that only people know, by their names in words, with what was stated or `unknown`."""
    return {name.replace("_", " ").capitalize(): text or UNKNOWN for name, text in stated.items()}


def how_to_state(stated: Mapping[str, str | None]) -> str:
    """Returns how the unknown fields are stated; empty if none is unknown."""
    if not (unknown := [name for name, text in stated.items() if not text]):
        return ""
    return f'Unknown fields are stated with data.card.FIELD="TEXT"; FIELD is {" or ".join(unknown)}.'
