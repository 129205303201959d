"""Executes the code cells of a notebook without a Jupyter kernel, and saves their outputs.

    python docs/execute_notebook.py docs/notebooks/first_run.ipynb

The cells run in a temporary directory, in this process and in one namespace, as in a kernel that was just started.
"""

import argparse
import ast
import base64
import contextlib
import io
import json
import os
import tempfile
from pathlib import Path
from typing import Any

Cell = dict[str, Any]


def main() -> None:
    """Executes a notebook and saves it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebook", type=Path)
    file = parser.parse_args().notebook.resolve()
    notebook = json.loads(file.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as directory, contextlib.chdir(directory):
        execute([cell for cell in notebook["cells"] if cell["cell_type"] == "code"])
    file.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def execute(cells: list[Cell]) -> None:
    """Executes code cells in order, and puts the output of each into it.

    Args:
        cells: code cells, as nbformat 4 has them.

    Raises:
        Exception: what a cell raises.
    """
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for count, cell in enumerate(cells, start=1):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            value = _run("".join(cell["source"]), namespace)
        cell["execution_count"] = count
        cell["outputs"] = [*_stream(printed.getvalue()), *_result(value, count)]


def _run(source: str, namespace: dict[str, Any]) -> Any:
    """Runs a cell and returns the value of its last line, if that is an expression."""
    body = ast.parse(source).body
    last = body[-1] if body else None
    if not isinstance(last, ast.Expr):
        exec(compile(source, "<cell>", "exec"), namespace)
        return None
    exec(compile(ast.Module(body[:-1], []), "<cell>", "exec"), namespace)
    return eval(compile(ast.Expression(last.value), "<cell>", "eval"), namespace)


def _stream(text: str) -> list[Cell]:
    return [{"name": "stdout", "output_type": "stream", "text": text.splitlines(keepends=True)}] if text else []


def _result(value: Any, count: int) -> list[Cell]:
    """Returns the output of a cell's value: a picture if it can be one, otherwise its text."""
    if value is None:
        return []
    data: Cell = {"text/plain": repr(value).splitlines(keepends=True)}
    if hasattr(value, "_repr_png_"):
        data = {"text/plain": ["a picture"], "image/png": base64.b64encode(value._repr_png_()).decode()}
    return [{"output_type": "execute_result", "execution_count": count, "metadata": {}, "data": data}]


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
