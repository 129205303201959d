"""The reference of commands: one page for each, from what its `--help` prints."""

import os
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = "reference/commands"
INDEX = f"{FOLDER}/index.md"
WIDTH = "100"  # columns that argparse wraps its text to


@dataclass(frozen=True)
class Command:
    """A command: the script that an installation adds, and the module that `python -m` runs."""

    script: str
    module: str


def find_commands() -> list[Command]:
    """Returns the commands of pyproject.toml, sorted by name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    targets = {script: target.partition(":")[0] for script, target in project["scripts"].items()}
    return [Command(script, module.removesuffix(".__main__")) for script, module in sorted(targets.items())]


def page_name(command: Command) -> str:
    """Returns the path of a command's page below docs/."""
    return f"{FOLDER}/{command.module.rpartition('.')[2]}.md"


def generate() -> dict[str, str]:
    """Returns the content of each page by its path below docs/."""
    commands = find_commands()
    with ThreadPoolExecutor(2) as pool:
        texts = dict(zip(commands, pool.map(read_help, commands), strict=True))
    pages = {page_name(command): _page(command, text) for command, text in texts.items()}
    return {INDEX: _index(texts), **pages}


def read_help(command: Command) -> str:
    """Returns what `python -m MODULE --help` prints.

    Raises:
        CalledProcessError: if the command fails.
    """
    words = [sys.executable, "-m", command.module, "--help"]
    found_first = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "COLUMNS": WIDTH, "PATH": found_first}  # so that `python` is this interpreter
    environment.pop("UV", None)  # or it would say `uv run python`
    return subprocess.run(words, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout.strip()


def _page(command: Command, text: str) -> str:
    return (
        "---\nhide: [toc]\n---\n\n"  # room for the width of a terminal
        f"# {command.module}\n\n{_summary(text)}\n\n"
        f"An installation adds the command `{command.script}`, which does the same as `python -m {command.module}`.\n\n"
        f"```text\n{text}\n```\n"
    )


def _index(texts: dict[Command, str]) -> str:
    rows = [
        f"| [`python -m {command.module}`]({Path(page_name(command)).name}) | {_summary(text)} |"
        for command, text in texts.items()
    ]
    lines = ["# Commands", "", "Each page shows what `--help` prints.", "", "| command | what it does |", "|---|---|"]
    return "\n".join([*lines, *rows]) + "\n"


def _summary(text: str) -> str:
    """Returns the first sentence of a help text that is no usage line."""
    paragraphs = (" ".join(part.split()) for part in text.split("\n\n"))
    return next(part for part in paragraphs if not part.lower().startswith("usage:"))
