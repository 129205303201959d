"""Commands as a user types them, each in a process and a directory of its own."""

import subprocess
import sys
from pathlib import Path

HEAVY = ("tensorflow", "keras", "mlflow", "datasets", "matplotlib", "pandas", "sklearn")  # seconds to import
REPORT_IMPORTS = f"""
import atexit, runpy, sys
atexit.register(lambda: print("HEAVY", sorted(set({HEAVY!r}) & set(sys.modules))))
command = sys.argv.pop(1)
sys.argv[0] = command.replace(".", "-")
runpy.run_module(command, run_name="__main__")
"""


def typed(command: str, arguments: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """`python -m COMMAND ARGUMENTS`, ended."""
    words = [sys.executable, "-m", command, *arguments.split()]
    return subprocess.run(words, cwd=directory, capture_output=True, text=True)


def refusal(command: str, arguments: str, directory: Path) -> str:
    """The one line with which a command answers a mistake, and nothing else."""
    finished = typed(command, arguments, directory)
    assert finished.returncode == 2
    (line,) = (finished.stdout + finished.stderr).splitlines()
    return line


def imported(command: str, arguments: str, directory: Path) -> str:
    """Which of the heavy libraries a command has imported when it ends."""
    words = [sys.executable, "-c", REPORT_IMPORTS, command, *arguments.split()]
    return subprocess.run(words, cwd=directory, capture_output=True, text=True).stdout.splitlines()[-1]
