"""The directory conf/ and the options of its groups."""

from pathlib import Path

PACKAGE = Path(__file__).parents[1]
CONF = next(path for path in (PACKAGE / "conf", PACKAGE.parent / "conf") if path.is_dir())  # in a wheel; in a checkout


def options(group: str) -> list[str]:
    """Returns the names of a group's options; empty if there is no such group."""
    return sorted(file.stem for file in (CONF / group).glob("*.yaml"))
