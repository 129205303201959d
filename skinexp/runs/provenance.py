"""What a result came from: command, git state, packages."""

import importlib.metadata
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class GitState:
    """The commit that a run was made with, and whether files differed from it; None outside a git checkout."""

    sha: str | None = None
    dirty: bool | None = None


def git_state() -> GitState:
    """The state of the checkout that holds this package."""
    try:
        sha = _git("rev-parse", "HEAD")
        return GitState(sha, bool(_git("status", "--porcelain")))
    except (OSError, subprocess.CalledProcessError):
        return GitState(None, None)


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def command_line() -> str:
    """The command as a person would type it again."""
    module = getattr(sys.modules["__main__"], "__spec__", None)
    start = f"python -m {module.name}" if module is not None else Path(sys.argv[0]).name
    return " ".join([start, *map(shlex.quote, sys.argv[1:])])


def packages() -> list[str]:
    """Every installed distribution as name==version, sorted."""
    found = {f"{item.metadata['Name']}=={item.version}" for item in importlib.metadata.distributions()}
    return sorted(found, key=str.lower)
