"""Printed commands: what a user pastes into the shell that this process was started from."""

import os
import shlex
import shutil
import sys
from pathlib import Path


def python_command() -> str:
    """Returns the words that start this interpreter in a shell.

    Returns:
        `uv run python` under uv; `python` if that name finds this interpreter; else the interpreter's path.
    """
    if "UV" in os.environ:  # uv sets it for what it runs
        return "uv run python"
    found = shutil.which("python")
    is_this = found is not None and Path(found).absolute() == Path(sys.executable).absolute()
    return "python" if is_this else shlex.quote(sys.executable)


def skinexp_command(name: str, *arguments: str) -> str:
    """Returns a command of skinexp with its arguments, quoted for the shell.

    Args:
        name: the command's, such as `train`.
        arguments: as the command shall receive them.
    """
    return " ".join([f"{python_command()} -m skinexp.{name}", *map(shlex.quote, arguments)])
