"""Python processes that this one starts: they find the same packages, and end with it."""

import os
import sys


def environment() -> dict[str, str]:
    """This process's environment, in which a child imports what this process would."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
