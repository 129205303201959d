"""The reference of configuration keys: type, default, allowed values and meaning, as the schema states them."""

import dataclasses
import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from skinexp.config import Config, Option, reference
from skinexp.config.option_reference import as_typed
from skinexp.config.schema import LrFind, Pretrain

CONF = Path(__file__).parents[2] / "conf"
PAGE = "reference/configuration.md"
OTHER_COMMANDS = {"lr_find": LrFind, "pretrain": Pretrain}  # section -> its schema, which only this command composes
SIGNS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}

INTRODUCTION = """\
# Configuration keys

`python -m skinexp.train KEY=VALUE` sets a key; `-m KEY=VALUE,VALUE` sweeps over it. An unknown key or a wrong type is
refused by name before any data is read.

The *default* is that of the schema. A file of `conf/` that is chosen (`model=mobilenet`) may set other values: the
tables of options list them. `python -m skinexp.train --cfg job` prints the configuration that a command composes.

This page is generated from the schema and from `conf/`.
"""


def generate() -> str:
    """Returns the page in Markdown."""
    whole = (option for option in reference(Config) if "." not in option.key)
    parts = [INTRODUCTION, _section("Whole experiment", Config, whole)]
    for name, section in _sections(Config):
        parts.append(_section(name, section, reference(section, f"{name}.")) + _options(name))
    parts.append("## experiment\n\nRecipes that set several groups at once.\n" + _options("experiment"))
    for name, section in OTHER_COMMANDS.items():
        parts.append(_section(f"{name} (only `python -m skinexp.{name}`)", section, reference(section, f"{name}.")))
    return "\n".join(parts)


def row(option: Option) -> str:
    """Returns the line of a key in its table."""
    default = f"`{as_typed(option.default)}`"
    return f"| `{option.key}` | {default} | {_allowed(option)} | {_cell(option.meaning)} |"


def _sections(schema: type) -> Iterator[tuple[str, type]]:
    """Yields name and dataclass of each section of a schema."""
    for field in dataclasses.fields(schema):
        if isinstance(field.type, type) and dataclasses.is_dataclass(field.type):
            yield field.name, field.type


def _section(title: str, section: type, options: Iterable[Option]) -> str:
    lines = [f"## {title}", "", inspect.getdoc(section) or "", "", "| key | default | type, allowed values | meaning |"]
    return "\n".join([*lines, "|---|---|---|---|", *map(row, options)]) + "\n"


def _options(group: str) -> str:
    """Returns the table of the files in conf/GROUP; empty if the group has none."""
    files = sorted((CONF / group).glob("*.yaml"))
    if not files:
        return ""
    rows = [f"| `{group}={file.stem}` | {_cell(_opening(file))} | {_values(file, group)} |" for file in files]
    return "\n".join(["\n| option | what it is for | sets |", "|---|---|---|", *rows]) + "\n"


def _opening(file: Path) -> str:
    """Returns the opening comment of a conf file; its commands are set as code."""
    lines = file.read_text(encoding="utf-8").splitlines()
    comment = []
    for line in lines:
        if line.startswith("# @package"):
            continue
        if not line.startswith("#"):
            break
        text = line.removeprefix("#").strip()
        comment.append(f"<br>`{text}`" if text.startswith("python -m") else text)
    return " ".join(comment)


def _values(file: Path, group: str) -> str:
    """Returns the groups and keys that a conf file sets or sweeps over, with their values."""
    text = file.read_text(encoding="utf-8")
    content = yaml.safe_load(text) or {}
    groups = [f"{name.removeprefix('override /')}={option}" for name, option in _chosen(content.pop("defaults", []))]
    swept = content.pop("hydra", {}).get("sweeper", {}).get("params", {})
    prefix = "" if "# @package _global_" in text else f"{group}."
    set_here = [*groups, *(f"{key}={as_typed(value)}" for key, value in _flatten(content, prefix))]
    lines = [f"`{item}`" for item in set_here] + [f"sweeps over `{key}={values}`" for key, values in swept.items()]
    return "<br>".join(lines) or "nothing else"


def _chosen(defaults: list[Any]) -> Iterator[tuple[str, str]]:
    """Yields the options that a defaults list chooses in other groups."""
    for item in defaults:
        if isinstance(item, dict):
            yield from item.items()


def _flatten(values: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _allowed(option: Option) -> str:
    if option.choices:
        return ", ".join(f"`{choice}`" for choice in option.choices)
    bounds = [f"{SIGNS[name]}&nbsp;{bound:g}" for name, bound in option.bounds.items()]
    return ", ".join([_cell(option.type), *bounds])


def _cell(text: str) -> str:
    """Returns text that does not end its cell of a table."""
    return re.sub(r"\s+", " ", text.replace("|", "\\|"))
