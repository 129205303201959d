"""Sentences about wrong overrides, from the errors of Hydra and OmegaConf: which key, what is wrong, what to do."""

import dataclasses
import difflib
import re
from collections.abc import Iterator

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException, ValidationError

from skinexp.config.conf_files import options
from skinexp.config.option_reference import reference
from skinexp.config.override_syntax import ASSIGNMENT, UNDECIDED, class_name, label_overrides, override
from skinexp.config.schema import GROUPS, Config
from skinexp.core.python_command import skinexp_command

OVERRIDE = re.compile(r"override '?\+*(?P<key>[\w./]+)(=(?P<value>[^\n]*))?")  # in Hydra's messages
NO_OPTION = "Config group override must be a string or a list"  # Hydra's words, in a bare ValueError
SEVERAL_VALUES = re.compile(r"Ambiguous value for argument '(.*)'")
SEVERAL_OPTIONS = re.compile(r"Multiple values for ([\w/]+)\.")
UNKNOWN_KEY = re.compile("Key '.*' (not in|is not in struct)")
DETAILS = re.compile(r"\s*(full_key|object_type|reference_type)")  # lines of OmegaConf's messages about its own types
TYPES = {  # of an option -> what it accepts
    "float": "a number",
    "int": "a whole number",
    "bool": "true or false",
    "str": "a word",
    "list[str]": "a list, such as [A,B]",
    "dict[str, int]": "a mapping, such as {A:0,B:1}",
}


def is_mistake(error: Exception) -> bool:
    """Returns whether an error is about the overrides, not about the program."""
    return isinstance(error, (HydraException, OmegaConfBaseException)) or NO_OPTION in str(error)


def explain(error: BaseException, schema: type[Config] = Config, command: str = "train") -> str:
    """Returns one sentence about an error that was raised while composing.

    Args:
        error: for which `is_mistake` holds.
        schema: of what was composed.
        command: name of the one to which the overrides belong.
    """
    if isinstance(error, MissingConfigException):
        return _no_such_option(error)
    return _wrong_syntax(error, schema) or _wrong_key_or_value(error, schema, command)


def _wrong_syntax(error: BaseException, schema: type[Config]) -> str:
    """Returns a sentence about an override that is not one; empty if that is not the error."""
    message = str(error)
    if NO_OPTION in message:
        return f"A group takes the name of one of its options, not null. All options: {skinexp_command('train')} --help"
    if isinstance(error, OverrideParseException):
        return _unreadable(str(error.override), schema)
    if several := SEVERAL_VALUES.search(message):
        return (
            f"{several[1]}: several values are a sweep; add -m. A list as one value is written in brackets: "
            f"KEY=[A,B]{_as_one_text(several[1], schema)}"
        )
    if several := SEVERAL_OPTIONS.search(message):
        return f"{several[1]}: two options are given; it is selected once, and without a plus sign: {several[1]}=OPTION"
    return ""


def _unreadable(word: str, schema: type[Config]) -> str:
    """Returns a sentence about a word that is no override: what it would be in quotation marks."""
    typed = ASSIGNMENT.fullmatch(word)
    label = re.fullmatch(r"\+?data\.labels\.(?P<name>.+)=(?P<value>.*)", word, re.DOTALL)
    if label:
        number = int(label["value"]) if label["value"] in ("0", "1") else UNDECIDED
        return f"{word}: not a label that can be read. Type {label_overrides({label['name']: number})}"
    if typed is None:
        return f"{word}: not KEY=VALUE or GROUP=OPTION. Spaces, commas and brackets in a value need quotes"
    key = typed["key"].lstrip("+")
    if key not in _keys(schema, "") and not key.startswith("hydra."):
        return _no_such_key(key, schema, "train", key)
    if inner := _inner_keys(key, schema):
        return f"{key}: the mapping cannot be read. Set its keys one by one: {inner}. Received: {typed['value']}"
    accepted = _accepted(schema).get(key)
    if accepted and not accepted.startswith(TYPES["str"]):
        return f"{typed['key']}: must be {accepted}. Received: {typed['value']}"
    return (
        f"{word}: the value cannot be read. Put it into quotation marks: {override(typed['key'], typed['value'])}; "
        "each of several values into its own"
    )


def _inner_keys(key: str, schema: type[Config]) -> str:
    """Returns the keys of a section in words; empty if the key is none of a section."""
    return ", ".join(name for name in _keys(schema, "") if name.startswith(f"{key}."))


def _as_one_text(word: str, schema: type[Config]) -> str:
    """Returns how several values are typed that are meant as one text; empty if the key does not take text."""
    key, _, value = word.partition("=")
    is_text = _accepted(schema).get(key, "").startswith(TYPES["str"])
    return f"; one text in quotation marks: {override(key, value)}" if is_text else ""


def _wrong_key_or_value(error: BaseException, schema: type[Config], command: str) -> str:
    cause = next((item for item in _chain(error) if isinstance(item, OmegaConfBaseException)), None)
    named = OVERRIDE.search(str(error))
    typed = named["key"] if named else ""
    key = (cause is not None and cause.full_key) or typed
    message = str(cause or error).strip()
    if key and (UNKNOWN_KEY.match(message) or (cause is None and "Could not override" in str(error))):
        return _no_such_key(key, schema, command, typed or key)
    if isinstance(cause, ValidationError) and key.startswith("data.labels."):
        given = named["value"] if named and typed == key else UNDECIDED
        return f"{class_name(key)}: replace the value by 0 (benign) or 1 (malignant). Received: {given}"
    if isinstance(cause, ValidationError) and named and key in _accepted(schema):
        return f"{key}: must be {_accepted(schema)[key]}. Received: {named['value']}"
    if isinstance(cause, ValidationError) and named and typed == key and (inner := _inner_keys(key, schema)):
        return f"{key}: is a mapping. Set its keys one by one: {inner}. Received: {named['value']}"
    first = " ".join(line.strip() for line in message.splitlines() if not DETAILS.match(line))
    return f"{key}: {first}" if key else first


def _accepted(schema: type[Config]) -> dict[str, str]:
    """Returns key -> what it accepts, in words."""
    known = {option.key: option.type.partition(" or ") for option in reference(schema)}
    return {key: f"{TYPES[name]}{more}{null}" for key, (name, more, null) in known.items() if name in TYPES}


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


def _no_such_key(key: str, schema: type[Config], command: str, typed: str) -> str:
    """Returns a sentence about a key that the schema does not have.

    Args:
        key: the first part of the typed key that does not exist.
        schema: of what was composed.
        command: name of the one to which the override belongs.
        typed: the key as it was typed.
    """
    if key.startswith("data.labels."):
        return f"{key}: a class is added with a plus sign: +{key}=0 (benign) or +{key}=1 (malignant)"
    known = list(_keys(schema, ""))
    ending = [name for name in known if name.endswith(f".{typed}")]
    close = f" Did you mean {' or '.join(ending)}?" if ending else _perhaps(key, known)
    parent = key.rpartition(".")[0]
    siblings = [name for name in known if name.rpartition(".")[0] == parent]
    there = (
        f" Keys of {parent}: {', '.join(name.rpartition('.')[2] for name in siblings)}." if siblings and parent else ""
    )
    return f"{key}: no such key.{close or there} All keys: {skinexp_command(command)} --cfg job"


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
