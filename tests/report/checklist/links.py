"""What a checklist says is filled in, as a reader follows it: file, entry of a JSON file, section of a document."""

import json
import re
from pathlib import Path
from urllib.parse import unquote

PLACE = re.compile(r"\[`[^`]+`\]\((?P<link>[^)#]+)(?:#(?P<anchor>[\w-]+))?\)(?: `(?P<at>[^`]+)`)?: ")


def filled_in(directory: Path) -> list[re.Match[str]]:
    """Returns the places that the checklist of a directory names."""
    text = (directory / "checklist.md").read_text()
    found = list(PLACE.finditer(text))
    cells = [cell for row in text.splitlines() if row.startswith("| ") for cell in row.split(" | ")[2].split("<br>")]
    assert len(found) == sum(bool(cell.strip()) for cell in cells) - len(re.findall(r"^\| item ", text, re.MULTILINE))
    return found


def broken_links(directory: Path) -> list[str]:
    """Returns the places that a reader would not find."""
    return [place[0] for place in filled_in(directory) if not _exists(directory, place)]


def _exists(directory: Path, place: re.Match[str]) -> bool:
    file = directory / unquote(place["link"])
    if not file.is_file():
        return False
    if file.suffix == ".json" and place["at"]:
        value = json.loads(file.read_text())
        for key in place["at"].split("."):
            value = value[key]
        return value is not None
    if file.suffix == ".html":
        return place["anchor"] == place["at"] and f'id="{place["anchor"]}"' in file.read_text()
    if file.suffix == ".md":
        return f"\n## {place['at']}\n" in file.read_text()
    return file.stat().st_size > 0
