"""Commands as a user types them, each in a process and a directory of its own."""

import multiprocessing
import os
import runpy
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


# Mistakes are answered before anything heavy is imported. Each of them is then typed in a process that is forked from
# one which has imported what all commands begin with: that import takes seconds, the answer none.
FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(["hydra.main", "skinexp.cli.command", "skinexp.cli.training_command"])


def refusal(command: str, arguments: str, directory: Path) -> str:
    """The one line with which a command answers a mistake, and nothing else."""
    output = directory / "refusal.txt"
    process = FORKED.Process(target=run_command, args=(command, arguments.split(), directory, output))
    process.start()
    process.join()
    (line,) = output.read_text().splitlines()
    assert process.exitcode == 2
    output.unlink()
    return line


def run_command(command: str, words: list[str], directory: Path, output: Path) -> None:
    """Turns this process into a command as it is typed in `directory`; what it prints goes to a file."""
    with output.open("wb") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
    os.chdir(directory)
    sys.path.insert(0, str(directory))  # as `python -m` does
    sys.argv = [command, *words]
    runpy.run_module(command, run_name="__main__", alter_sys=True)


def imported(command: str, arguments: str, directory: Path) -> str:
    """Which of the heavy libraries a command has imported when it ends."""
    words = [sys.executable, "-c", REPORT_IMPORTS, command, *arguments.split()]
    return subprocess.run(words, cwd=directory, capture_output=True, text=True).stdout.splitlines()[-1]
