"""The Python of this process as a person types it, for commands that are printed to be pasted."""

import os
import shlex
import shutil
import sys
from pathlib import Path


def python_command() -> str:
    """Returns the words that start this Python again.

    Returns:
        `uv run python` below uv; `python` if that name finds this interpreter; else the interpreter's path.
    """
    if "UV" in os.environ:  # uv sets it for what it runs
        return "uv run python"
    found = shutil.which("python")
    is_this = found is not None and Path(found).absolute() == Path(sys.executable).absolute()
    return "python" if is_this else shlex.quote(sys.executable)
