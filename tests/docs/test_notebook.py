"""The notebook does what it says: its cells are executed, in a directory of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from execute_notebook import execute
from generators import notebook as pages

NOTEBOOKS = sorted((Path(__file__).parents[2] / "docs" / "notebooks").glob("*.ipynb"))


def cell(source: str) -> dict[str, object]:
    return {"cell_type": "code", "source": source.splitlines(keepends=True), "outputs": []}


def texts(cells: list[dict[str, object]]) -> list[str]:
    """What each cell shows, as text."""
    return ["".join("".join(output.get("text", [])) for output in one["outputs"]) for one in cells]


@pytest.mark.slow
@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_runs_from_beginning_to_end(file, root, tmp_path):
    copy = tmp_path / file.name
    copy.write_text(file.read_text())
    words = [sys.executable, str(root / "docs" / "execute_notebook.py"), str(copy)]
    quiet = os.environ | {"PYTHONWARNINGS": "ignore"}
    finished = subprocess.run(words, cwd=tmp_path, env=quiet, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    cells = [one for one in json.loads(copy.read_text())["cells"] if one["cell_type"] == "code"]
    shown = "".join(texts(cells))
    assert "predictions.parquet" in shown
    assert "95 % CI" in shown
    assert any("image/png" in output.get("data", {}) for one in cells for output in one["outputs"])


def test_cells_share_their_names_and_show_what_they_print_and_what_their_last_line_is():
    cells = [cell("a = 2\nprint('two')"), cell("b = a + 1\nb")]
    execute(cells)
    assert texts(cells)[0] == "two\n"
    assert cells[1]["outputs"][0]["data"] == {"text/plain": ["3"]}
    assert [one["execution_count"] for one in cells] == [1, 2]


def test_an_error_in_a_cell_stops_the_notebook():
    with pytest.raises(ZeroDivisionError):
        execute([cell("1 / 0"), cell("print('never')")])


def test_a_notebook_becomes_a_page_with_its_outputs(tmp_path):
    cells = [{"cell_type": "markdown", "source": ["# Title"]}, cell("print(1)")]
    execute(cells[1:])
    file = tmp_path / "try.ipynb"
    file.write_text(json.dumps({"cells": cells}))
    page = pages.convert(file)
    assert page.startswith("# Title\n\n[Download this notebook](try.ipynb)")
    assert "```python\nprint(1)\n```\n\n```text\n1\n```" in page
