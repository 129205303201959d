"""Links and names of documents lead somewhere, and the README stays an overview."""

import re
from pathlib import Path

import check_links


def test_every_relative_link_leads_to_a_file():
    assert list(check_links.find_broken_links()) == []


def test_a_broken_link_is_found(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text("[here](page.md) [gone](missing.md) [away](https://example.org) [below](#part)")
    monkeypatch.setattr(check_links, "ROOT", tmp_path)
    monkeypatch.setattr(check_links, "tracked_files", lambda: [page])
    assert list(check_links.find_broken_links()) == ["page.md: missing.md is no file"]


def test_each_file_of_the_code_that_a_document_names_exists(root):
    documents = [root / "README.md", root / "CONTRIBUTING.md", root / "SECURITY.md", *(root / "docs").rglob("*.md")]
    named = {name for file in documents for name in re.findall(r"`([a-z_]+/[a-z_/]+\.py)`", file.read_text())}
    assert len(named) > 5
    assert [
        name for name in sorted(named) if not (root / name).is_file() and not (root / "skinexp" / name).is_file()
    ] == []


def test_the_readme_is_an_overview(root):
    assert len((root / "README.md").read_text().splitlines()) <= 150


def test_the_readmes_results_are_those_of_the_benchmarks_page(root):
    measured = {row[0]: row for row in _rows(root / "docs" / "benchmarks.md")}
    shown = _rows(root / "README.md")
    assert len(shown) == 3
    for model, auc, accuracy, minutes in shown:
        assert [auc, accuracy, minutes] == [measured[model][2], measured[model][4], measured[model][5]]


def _rows(page: Path) -> list[list[str]]:
    """The cells of table rows with a mean and its spread."""
    lines = (line for line in page.read_text().splitlines() if "±" in line and line.startswith("|"))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
