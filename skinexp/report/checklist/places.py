"""Places where an item of the checklist is filled in: a file, an entry of a JSON file, or a section of a document."""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skinexp.core import run_files
from skinexp.core.strict_json import read_json
from skinexp.data.characteristics import NOT_RECORDED


@dataclass(frozen=True)
class Place:
    """A place in the directory of a run or a comparison.

    Attributes:
        file: relative to the directory.
        at: entry of a JSON file by its keys (`data.counts`), title of a section of a Markdown file, or id of one of a
            page; empty for the whole file.
        what: what a reader finds there.
    """

    file: str
    at: str = ""
    what: str = ""


@dataclass(frozen=True)
class Directory:
    """The directory of a run or a comparison, each of whose files is read once."""

    path: Path
    _read: dict[str, Any] = field(default_factory=dict)

    def has(self, place: Place) -> bool:
        """Returns whether a place exists and holds something: a value, a section, a table with rows, or a file."""
        file = self.path / place.file
        if not file.is_file():
            return False
        if file.suffix == ".json":
            return not place.at or not _is_empty(_entry(self._content(place.file), place.at))
        if file.suffix == ".csv":
            return bool(self._content(place.file))
        if not place.at:
            return True
        return place.at in self._content(place.file)

    def not_recorded(self) -> list[str] | None:
        """Returns the characteristics that Table 1 has no column for; None if there is no Table 1."""
        rows = _entry(self._content(run_files.DATA_CARD_VALUES), "table_1")
        if not isinstance(rows, list):
            return None
        return [str(row.get("name")) for row in rows if isinstance(row, Mapping) and row.get("level") == NOT_RECORDED]

    def _content(self, name: str) -> Any:
        if name not in self._read:
            self._read[name] = _content(self.path / name)
        return self._read[name]


def _content(file: Path) -> Any:
    """Returns the object of a JSON file, whether a table has rows, or the sections of a document."""
    try:
        if file.suffix == ".json":
            return read_json(file)
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return {}
    if file.suffix == ".csv":
        return len(list(csv.reader(text.splitlines()))) > 1
    return set(re.findall(r"^## (.+)$", text, re.MULTILINE)) | set(re.findall(r'<h2 id="([\w-]+)"', text))


def _entry(values: Any, keys: str) -> Any:
    for key in keys.split("."):
        if not isinstance(values, Mapping):
            return None
        values = values.get(key)
    return values


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", {}, [])
