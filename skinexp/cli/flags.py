"""The flags that Hydra takes beside overrides, such as `-m`, in the order in which its parser accepts them."""

import difflib
from collections.abc import Sequence

from skinexp.core.errors import UserError

ALONE = (
    *("-h", "--help", "--hydra-help", "--version", "--resolve", "-r", "--run", "-m", "--multirun"),
    *("-sc", "--shell-completion"),
)
WITH_VALUE = (
    *("-c", "--cfg", "-p", "--package", "-cp", "--config-path", "-cn", "--config-name", "-cd", "--config-dir"),
    *("--experimental-rerun", "-i", "--info"),
)


def flags_first(words: Sequence[str]) -> list[str]:
    """Returns the words with the flags, and their values, before the overrides.

    Hydra's parser takes overrides in one place only: `seed=1 -m model=scratch,mobilenet` would be an error.

    Raises:
        UserError: if a word begins with a hyphen and is no flag.
    """
    flags, overrides = [], []
    waiting = iter(words)
    for word in waiting:
        if not word.startswith("-"):
            overrides.append(word)
            continue
        name, has_value, _ = word.partition("=")
        if name not in (*ALONE, *WITH_VALUE):
            raise UserError(f"{word}: no such flag.{_meant(name)} Keys are given as KEY=VALUE, such as optim.epochs=5")
        flags.append(word)
        if name in WITH_VALUE and not has_value and (value := next(waiting, None)) is not None:
            flags.append(value)
    return flags + overrides


def _meant(name: str) -> str:
    close = difflib.get_close_matches(name, [*ALONE, *WITH_VALUE], n=1) if name.startswith("--") else []
    return f" Did you mean {close[0]}?" if close else ""
