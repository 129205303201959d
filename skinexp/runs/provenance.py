"""The provenance of a result: command, git state, packages."""

import importlib.metadata
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from skinexp.core.credentials import hidden


@dataclass(frozen=True)
class GitState:
    """The commit of the code, and whether files differed from it; None outside a git checkout."""

    sha: str | None = None
    dirty: bool | None = None


def git_state() -> GitState:
    """Returns the state of the checkout that contains this package."""
    try:
        sha = _git("rev-parse", "HEAD")
        return GitState(sha, bool(_git("status", "--porcelain")))
    except (OSError, subprocess.CalledProcessError):
        return GitState(None, None)


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def command_line() -> str:
    """Returns the command of this process as it is typed in a shell, without passwords."""
    module = getattr(sys.modules["__main__"], "__spec__", None)
    start = f"python -m {module.name}" if module is not None else Path(sys.argv[0]).name
    return hidden(" ".join([start, *map(shlex.quote, sys.argv[1:])]))


def packages() -> list[str]:
    """Returns every installed distribution as name==version, sorted."""
    found = {f"{item.metadata['Name']}=={item.version}" for item in importlib.metadata.distributions()}
    return sorted(found, key=str.lower)
