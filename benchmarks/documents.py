"""Text of a document that a script writes, between its marks `<!-- NAME: begin -->` and `<!-- NAME: end -->`."""

from pathlib import Path


def replace(document: Path, name: str, text: str) -> None:
    """Writes text between the two marks of that name, see `replaced`."""
    found = document.read_text(encoding="utf-8")
    document.write_text(replaced(found, name, text), encoding="utf-8")


def replaced(document: str, name: str, text: str) -> str:
    """Returns a document with other text between the two marks of that name.

    Raises:
        ValueError: if the marks do not occur once each and in order.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    if document.count(begin) != 1 or document.count(end) != 1 or document.index(begin) > document.index(end):
        raise ValueError(f"the page needs the lines {begin} and {end}, in this order and once each")
    before, _, rest = document.partition(begin)
    after = rest.partition(end)[2]
    return f"{before}{begin}\n{text.rstrip()}\n{end}{after}"
