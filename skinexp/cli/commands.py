"""The commands of skinexp: `python -m skinexp.NAME` or, installed, `skinexp-NAME`."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
# As help lists them.
COMMANDS = ("train", "evaluate", "predict", "compare", "audit", "lr_find", "pretrain", "ui", "sync", "zoo")


def summary(name: str) -> str:
    """Returns the first sentence of a command's docstring, without importing the command.

    Args:
        name: one of `COMMANDS`.
    """
    module = PACKAGE / f"{name}.py"
    source = module if module.is_file() else PACKAGE / name / "__main__.py"
    docstring = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    first_paragraph = " ".join(docstring.partition("\n\n")[0].split())
    return first_paragraph.partition(". ")[0].removesuffix(".")
