"""Turns what Hydra and OmegaConf say of a wrong command into one sentence: which key, what is wrong, what to do."""

import dataclasses
import difflib
import re
from collections.abc import Iterator

from hydra.errors import HydraException, MissingConfigException
from omegaconf.errors import OmegaConfBaseException

from skinexp.config.conf_files import options
from skinexp.config.schema import GROUPS, Config

TRAIN = "python -m skinexp.train"
OVERRIDE = re.compile(r"override '\+*([\w./]+)")
NO_OPTION = "Config group override must be a string or a list"  # Hydra's words, in a bare ValueError


def is_mistake(error: Exception) -> bool:
    """Whether an error is about the command that was typed, not about the program."""
    return isinstance(error, (HydraException, OmegaConfBaseException)) or NO_OPTION in str(error)


def explain(error: BaseException, whole: type[Config] = Config, command: str = TRAIN) -> str:
    """One sentence about an error raised while composing.

    Args:
        whole: the schema of what was composed.
        command: that was typed.
    """
    if NO_OPTION in str(error):
        return f"A group takes the name of one of its options, not null. All options: {TRAIN} --help"
    if isinstance(error, MissingConfigException):
        return _no_such_option(error)
    cause = next((item for item in _chain(error) if isinstance(item, OmegaConfBaseException)), None)
    named = OVERRIDE.search(str(error))
    key = (cause is not None and cause.full_key) or (named and named[1]) or ""
    message = str(cause or error).strip()
    if key and (
        re.match("Key '.*' (not in|is not in struct)", message)
        or (cause is None and "Could not override" in str(error))
    ):
        return _no_such_key(key, whole, command, named[1] if named else key)
    first = " ".join(
        line.strip() for line in message.splitlines() if not re.match(r"\s*(full_key|object_type|reference_type)", line)
    )
    return f"{key}: {first}" if key else first


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _no_such_option(error: MissingConfigException) -> str:
    group, _, option = (error.missing_cfg_file or "").rpartition("/")
    known = options(group)
    if not known:
        return " ".join(str(error).split())
    return f"{group}={option}: no such option. There are: {', '.join(known)}.{_perhaps(option, known)}"


def _no_such_key(key: str, whole: type[Config], command: str, typed: str) -> str:
    """Args: key: the first part of what was `typed` that is not there."""
    if key.startswith("data.labels."):
        return f"{key}: a class is added with a plus sign: +{key}=0 (benign) or +{key}=1 (malignant)"
    known = list(_keys(whole, ""))
    ending = [name for name in known if name.endswith(f".{typed}")]
    close = f" Did you mean {' or '.join(ending)}?" if ending else _perhaps(key, known)
    parent = key.rpartition(".")[0]
    siblings = [name for name in known if name.rpartition(".")[0] == parent]
    there = (
        f" Under {parent} there are: {', '.join(name.rpartition('.')[2] for name in siblings)}."
        if siblings and parent
        else ""
    )
    return f"{key}: no such key.{close or there} All keys: {command} --cfg job"


def _perhaps(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f" Did you mean {close[0]}?" if close else ""


def _keys(node: type, prefix: str) -> Iterator[str]:
    for item in dataclasses.fields(node):
        if dataclasses.is_dataclass(item.type):
            yield from _keys(item.type, f"{prefix}{item.name}.")  # type: ignore[arg-type]
        yield f"{prefix}{item.name}"
    if not prefix:
        yield from ("experiment", *GROUPS)
