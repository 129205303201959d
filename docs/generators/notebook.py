"""Notebooks as pages: text as it is, cells as Python, and the outputs that were saved with them."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "notebooks"


def generate() -> dict[str, str]:
    """Returns the content of each page by its path below docs/."""
    return {f"notebooks/{file.stem}.md": convert(file) for file in sorted(FOLDER.glob("*.ipynb"))}


def convert(file: Path) -> str:
    """Returns a notebook in Markdown, with a link to the file."""
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    title, *rest = [_cell(cell) for cell in cells]
    return "\n\n".join([title, f"[Download this notebook]({file.name})", *rest]) + "\n"


def _cell(cell: dict[str, Any]) -> str:
    source = "".join(cell["source"])
    if cell["cell_type"] != "code":
        return source
    return "\n\n".join([f"```python\n{source}\n```", *map(_output, cell.get("outputs", []))])


def _output(output: dict[str, Any]) -> str:
    data = output.get("data", {})
    if "image/png" in data:
        return f"![Output of the cell](data:image/png;base64,{data['image/png']})"
    return f"```text\n{''.join(output.get('text', data.get('text/plain', ''))).rstrip()}\n```"
