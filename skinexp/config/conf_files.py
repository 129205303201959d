"""The directory conf/, the options of its groups, and the names that they set."""

import re
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
CONF = next(path for path in (PACKAGE / "conf", PACKAGE.parent / "conf") if path.is_dir())  # in a wheel; in a checkout


def options(group: str) -> list[str]:
    """Returns the names of a group's options; empty if there is no such group."""
    return sorted(file.stem for file in (CONF / group).glob("*.yaml"))


def names(group: str, key: str = "name", directory: Path = CONF) -> list[str]:
    """Returns the registered names that a group's files select, in alphabetical order.

    They are the names that the schema accepts for GROUP.KEY, so that a new model, for example, needs an entry in its
    registry and a file in conf/model, and no change of the schema.

    Args:
        group: a directory below conf/.
        key: the key whose value is the name.
        directory: conf/.
    """
    texts = (file.read_text(encoding="utf-8") for file in (directory / group).glob("*.yaml"))
    found = (re.search(rf"^{key}: *(\w+)", text, re.MULTILINE) for text in texts)
    return sorted({match[1] for match in found if match})
