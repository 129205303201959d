"""Writes the table of benchmarks into docs/benchmarks.md, from `benchmarks/results/*.json`, between its two markers.

`python benchmarks/results_table.py` writes it; `--check` only reports, by exit code 1, whether the page differs.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import documents
from measure import RESULTS, figure

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
MARK = "benchmarks"
HEADINGS = ("what", "target", "measured", "compared with, in the same run", "command")
MOST_FIGURES = 6  # in a cell
NOT_VERSIONS = ("processor", "cores", "gpu", "python")  # of what a result says about its machine


def main() -> None:
    """Writes the table into the page, or checks that it is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if the page differs")
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    found = options.page.read_text(encoding="utf-8")
    wanted = documents.replaced(found, MARK, table(read(options.results)))
    if options.check:
        if found != wanted:
            sys.exit(f"{options.page}: not what {options.results} says. Run python benchmarks/results_table.py")
    else:
        options.page.write_text(wanted, encoding="utf-8")


def read(results: Path) -> list[dict[str, Any]]:
    """Returns the results that benchmarks wrote, sorted by the name of the script."""
    return [json.loads(file.read_text(encoding="utf-8")) for file in sorted(results.glob("*.json"))]


def table(results: Sequence[dict[str, Any]]) -> str:
    """Returns the table in Markdown, one line a claim, and the machine under it."""
    if not results:
        return "Not measured yet.\n"
    lines = [HEADINGS, ("---",) * len(HEADINGS), *(line for result in results for line in _lines(result))]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + f"\n{_machines(results)}\n"


def _lines(result: dict[str, Any]) -> list[tuple[str, ...]]:
    command = f"`{result['command']}`"
    if not result.get("goals"):
        rows = [f"{row['name']}: {figure(row['value'])} {row['unit']}" for row in result["rows"]]
        figures = "; ".join(rows) if len(rows) <= MOST_FIGURES else f"{len(rows)} figures, see what the command prints"
        return [(_cell(result["claim"]), "", _cell(figures), "", command)]
    return [
        (_cell(goal["what"]), _cell(goal["asked"]), _outcome(goal), _cell(goal["peers"]), command)
        for goal in result["goals"]
    ]


def _outcome(goal: dict[str, Any]) -> str:
    return _cell(goal["measured"]) if goal["met"] else f"{_cell(goal['measured'])} (**not met**)"


def _cell(text: str) -> str:
    """Returns text that does not end its cell."""
    return " ".join(text.replace("|", "\\|").split())


def _machines(results: Sequence[dict[str, Any]]) -> str:
    """Returns one sentence for each machine that results come from."""
    scripts: dict[str, list[str]] = {}
    versions: dict[str, dict[str, str]] = {}
    for result in results:
        facts = result["machine"]
        gpu = f", {facts['gpu']}" if "gpu" in facts else ""
        name = f"{facts['cores']} cores of {facts['processor']}{gpu}, Python {facts['python']}"
        scripts.setdefault(name, []).append(f"`{Path(result['command'].split()[1]).stem}`")
        newer = {package: version for package, version in facts.items() if package not in NOT_VERSIONS}
        versions.setdefault(name, {}).update(newer)
    sentences = []
    for name, which in scripts.items():
        packages = ", ".join(f"{package} {version}" for package, version in versions[name].items())
        whose = "" if len(scripts) == 1 else f" ({', '.join(which)})"
        sentences.append(f"Measured on {name}, {packages}{whose}.")
    return "\n".join(sentences)


if __name__ == "__main__":
    main()
