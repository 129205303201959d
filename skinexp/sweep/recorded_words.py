"""What is repeated of a recorded command: options of an experiment and a few of Hydra's, and nothing that runs code.

The record may come from a stranger. Hydra imports and calls what some of its keys name, and reads files and variables
of the environment for others. What is repeated is therefore listed here, and all else is refused by name.
"""

import dataclasses
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override, OverrideType, RangeSweep
from hydra.errors import HydraException

from skinexp.config.compose import as_hydra_reads
from skinexp.config.conf_files import CONF, options
from skinexp.config.schema import Config
from skinexp.core.credentials import hidden
from skinexp.core.errors import UserError
from skinexp.tracking.store_address import parameter_that_loads_code

WHERE = ("hydra.mode", "hydra.run.dir", "hydra.sweep.dir")  # decided by the directory that is resumed
CALLS = re.compile(r"\b_(target|partial|args|convert|recursive|call)_(?=\s*[.:=])")  # Hydra's words for what it calls
REFERENCE = re.compile(r"(?P<escapes>\\*)\$\{(?P<inside>[^{}]*\}?)")
HARMLESS = re.compile(r"(now:[^${]*|hydra:[\w.]+|[A-Za-z_][\w.]*|oc\.env:(?P<variable>\w+)(,[^${]*)?)\}")
VARIABLES = ("HOME", "USER", "LOGNAME", "HOSTNAME", "TMPDIR", "SCRATCH", "WORK", "DATA")  # hold no secret
OWN = ("hydra.callbacks", "hydra.searchpath")  # refused as all other keys of Hydra's are; named for what they do
GROUPS = frozenset(place.name for place in CONF.iterdir() if place.is_dir()) - {"hydra"}
SECTIONS = frozenset(item.name for item in dataclasses.fields(Config))
LONGEST = 200  # characters of a name for a launcher


class Accepted(NamedTuple):
    """The values that a key of Hydra's accepts, and the words for them."""

    holds: Callable[[Any], bool]
    words: str


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[\w-]+", value) is not None


def _is_line(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.isprintable() and len(value) <= LONGEST)


def _is_place(value: Any) -> bool:
    return isinstance(value, str) and not value.startswith(("/", "~", "\\")) and ".." not in value


def _is_verbosity(value: Any) -> bool:
    names = value if isinstance(value, list) else [value]
    return isinstance(value, bool) or all(isinstance(name, str) and re.fullmatch(r"[\w.]+", name) for name in names)


NUMBER = Accepted(lambda value: value is None or isinstance(value, (int, float)), "a number")
FLAG = Accepted(lambda value: isinstance(value, bool), "true or false")
NAME = Accepted(_is_name, "a name")
LINE = Accepted(_is_line, "one line of text")
SEPARATOR = Accepted(lambda value: isinstance(value, str) and not re.search(r"[/\\.]", value), "a separator")
NAMES = Accepted(lambda value: isinstance(value, list) and all(map(_is_line, value)), "a list of keys")


def _one_of(*names: str) -> Accepted:
    return Accepted(lambda value: value in names, " or ".join(names))


LAUNCHER_KEYS = {
    **dict.fromkeys(("jobs", "n_jobs", "verbose", "timeout", "timeout_min", "cpus_per_task", "gpus_per_node"), NUMBER),
    **dict.fromkeys(("tasks_per_node", "mem_gb", "nodes", "cpus_per_gpu", "gpus_per_task", "signal_delay_s"), NUMBER),
    **dict.fromkeys(("max_num_timeout", "array_parallelism"), NUMBER),
    **dict.fromkeys(("name", "partition", "qos", "comment", "constraint", "exclude", "gres", "account"), LINE),
    **dict.fromkeys(("mem_per_gpu", "mem_per_cpu"), LINE),
    "stderr_to_stdout": FLAG,
    "prefer": _one_of("processes", "threads"),
}
LOGGING = _one_of("skinexp", "default", "disabled", "none", "stdout", "colorlog")
HYDRA_KEYS = {
    "hydra/launcher": _one_of("process", "basic", "joblib", "submitit_local", "submitit_slurm"),
    "hydra/sweeper": _one_of("basic"),
    "hydra/job_logging": LOGGING,
    "hydra/hydra_logging": LOGGING,
    "hydra.verbose": Accepted(_is_verbosity, "true, false or names of loggers"),
    "hydra.job.chdir": FLAG,
    "hydra.job.name": NAME,
    "hydra.output_subdir": Accepted(lambda value: value is None or value == ".hydra", "null or .hydra"),
    "hydra.sweep.subdir": Accepted(_is_place, "a directory in that of the sweep"),
    "hydra.sweeper.max_batch_size": NUMBER,
    "hydra.job.config.override_dirname.kv_sep": SEPARATOR,
    "hydra.job.config.override_dirname.item_sep": SEPARATOR,
    "hydra.job.config.override_dirname.exclude_keys": NAMES,
    **{f"hydra.launcher.{key}": accepted for key, accepted in LAUNCHER_KEYS.items()},
}


def repeated(words: Sequence[Any], file: Path) -> list[str]:
    """Returns the words of a recorded command that are repeated, as Hydra reads them.

    Args:
        words: overrides of the experiment and of Hydra itself.
        file: with the record.

    Returns:
        All words but those that name the directory and the mode, which the directory itself decides.

    Raises:
        UserError: if a word is none that is repeated; the message names it.
    """
    if other := [word for word in words if not isinstance(word, str)]:
        raise UserError(_refusal(str(other[0]), "is no text", file))
    kept = []
    for word in as_hydra_reads(words, Config):
        parsed = _parsed(word)
        if why := ("is no option" if parsed is None else _objection(word, parsed)):
            raise UserError(_refusal(word, why, file))
        if parsed is not None and parsed.key_or_group not in WHERE:
            kept.append(word)
    return kept


def _refusal(word: str, why: str, file: Path) -> str:
    how = (
        "give the words of the launcher again, behind resume="
        if re.match(r"[+~]*hydra[./]launcher", word)
        else "take the word out of the file"
    )
    return (
        f"resume: {hidden(word)!r} in {file} {why}. A record repeats options of an experiment and of a few "
        f"launchers, and nothing that could run code. If the record is your own, {how}"
    )


def _parsed(word: str) -> Override | None:
    if word.startswith("-"):  # a flag, such as --config-dir
        return None
    try:
        (parsed,) = OverridesParser.create().parse_overrides([word])
    except (HydraException, ValueError):
        return None
    return parsed


def _objection(word: str, parsed: Override) -> str:
    """Returns why a word is not repeated; an empty text if it is."""
    if found := CALLS.search(word):
        return f"has {found[0]}, which names code that Hydra calls"
    if parsed.package is not None:
        return f"puts an option into {parsed.package}"
    if why := _reads_more(word):
        return why
    key = parsed.key_or_group
    if name := parameter_that_loads_code(word):
        return f"has the parameter {name}, by which the driver of a database can load code"
    if key.partition(".")[0].partition("/")[0] == "hydra":
        return _objection_of_hydra(key, parsed)
    if key in GROUPS:
        return _objection_to_option(key, parsed)
    return "" if key.partition(".")[0] in SECTIONS else "is no option of an experiment"


def _reads_more(word: str) -> str:
    """Returns what a word reads from elsewhere, if that could be a secret; an empty text if it does not."""
    for found in REFERENCE.finditer(word):
        if len(found["escapes"]) % 2:
            continue  # text, not a reference
        harmless = HARMLESS.fullmatch(found["inside"])
        if harmless is None:
            return f"refers to ${{{found['inside']}"
        variable = harmless["variable"]
        if variable and variable not in VARIABLES and not variable.startswith("SLURM_"):
            return f"reads the variable {variable} of the environment, which could be a secret"
    return ""


def _objection_of_hydra(key: str, parsed: Override) -> str:
    accepted = HYDRA_KEYS.get(key)
    if key in WHERE:
        return ""
    if accepted is None or parsed.type is OverrideType.DEL:
        return f"is about {next((own for own in OWN if key.startswith(own)), key)}, which is not repeated"
    if parsed.is_sweep_override() or not accepted.holds(parsed.value()):
        return f"is not {accepted.words}"
    return ""


def _objection_to_option(group: str, parsed: Override) -> str:
    """Returns why the chosen option of a group is none of conf/: a path would name a file of the stranger."""
    if parsed.type is OverrideType.DEL or isinstance(parsed.value(), Glob):
        return ""
    if isinstance(parsed.value(), RangeSweep) or (parsed.is_sweep_override() and not parsed.is_choice_sweep()):
        return f"names no option of {group}"
    value = parsed.value()
    chosen = [text.strip("'\"") for text in parsed.sweep_string_iterator()] if parsed.is_choice_sweep() else [value]
    known = {*options(group), None, "null"}
    other = [name for name in chosen if not isinstance(name, (str, type(None))) or name not in known]
    return f"names no option of {group}" if other else ""
