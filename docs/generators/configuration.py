"""The reference of configuration keys: type, default, allowed values and meaning, from the schema's own source.

The meaning of a key is the comment beside its field in the schema, or above it.
"""

import ast
import dataclasses
import inspect
import io
import math
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from skinexp import config as schema

CONF = Path(__file__).parents[2] / "conf"
PAGE = "reference/configuration.md"
OTHER_COMMANDS = {"lr_find": schema.RangeTest, "pretrain": schema.Pretraining}  # key -> what its command composes

INTRODUCTION = """\
# Configuration keys

`python -m skinexp.train KEY=VALUE` sets a key; `-m KEY=VALUE,VALUE` sweeps over it. An unknown key or a wrong type is
refused by name before any data is read.

The *default* is that of the schema. A file of `conf/` that is chosen (`model=mobilenet`) may set other values: the
tables of options list them. `python -m skinexp.train --cfg job` prints the configuration that a command composes.

This page is generated from the schema and from `conf/`.
"""


@dataclass(frozen=True)
class Key:
    """One configuration key, each part as it is shown."""

    name: str
    type: str
    default: str
    allowed: str
    meaning: str


def generate() -> str:
    """Returns the page in Markdown."""
    parts = [INTRODUCTION, _section("Whole experiment", schema.Config, "", nested=False)]
    parts += [
        _section(field.name, _dataclass_of(field), f"{field.name}.") + _options(field.name)
        for field in dataclasses.fields(schema.Config)
        if _dataclass_of(field)
    ]
    parts.append("## experiment\n\nRecipes that set several groups at once.\n" + _options("experiment"))
    for name, whole in OTHER_COMMANDS.items():
        node = next(_dataclass_of(field) for field in dataclasses.fields(whole) if field.name == name)
        parts.append(_section(f"{name} (only `python -m skinexp.{name}`)", node, f"{name}."))
    return "\n".join(parts)


def keys(node: type, prefix: str = "", nested: bool = True) -> Iterator[Key]:
    """Yields the keys of a dataclass in the order of their fields, those of nested dataclasses in their place."""
    meanings = _meanings(node)
    for field in dataclasses.fields(node):
        name = f"{prefix}{field.name}"
        below = _dataclass_of(field)
        if below is None:
            yield Key(name, _type(field), _default(field), _allowed(field), meanings.get(field.name, ""))
        elif nested:
            yield from keys(below, f"{name}.")


def _section(title: str, node: type, prefix: str, nested: bool = True) -> str:
    lines = [f"## {title}", "", inspect.getdoc(node) or "", "", "| key | default | type, allowed values | meaning |"]
    lines.append("|---|---|---|---|")
    lines += [
        f"| `{key.name}` | {key.default} | {key.allowed or key.type} | {_cell(key.meaning)} |"
        for key in keys(node, prefix, nested)
    ]
    return "\n".join(lines) + "\n"


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
    set_here = [*groups, *(f"{key}={_yaml(value)}" for key, value in _flatten(content, prefix))]
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


def _meanings(node: type) -> dict[str, str]:
    """Returns the comment of each field that a dataclass defines itself, by the field's name."""
    source = inspect.getsource(node)
    comments = {
        token.start[0]: (token.string.lstrip("# ").strip(), not token.line[: token.start[1]].strip())
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    (definition,) = ast.parse(source).body
    assert isinstance(definition, ast.ClassDef)
    meanings = {}
    for statement in definition.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            first, last = statement.lineno, statement.end_lineno or statement.lineno
            start = first
            while comments.get(start - 1, ("", False))[1]:  # a line above that holds nothing but a comment
                start -= 1
            texts = [comments[line][0] for line in range(start, last + 1) if line in comments]
            meanings[statement.target.id] = " ".join(texts)
    return meanings


def _dataclass_of(field: "dataclasses.Field[Any]") -> Any:
    """Returns the dataclass that a field holds; None if it holds a value."""
    return field.type if dataclasses.is_dataclass(field.type) else None


def _type(field: "dataclasses.Field[Any]") -> str:
    name = getattr(field.type, "__name__", "") if isinstance(field.type, type) else ""
    words = str(field.type) if not name or "[" in str(field.type) else name
    return _cell(words.replace("typing.", "").replace(" | None", " or null"))


def _default(field: "dataclasses.Field[Any]") -> str:
    made = field.default_factory is not dataclasses.MISSING
    return f"`{_yaml(field.default_factory() if made else field.default)}`"  # type: ignore[misc]


def _allowed(field: "dataclasses.Field[Any]") -> str:
    if choices := field.metadata.get("choices"):
        return ", ".join(f"`{choice}`" for choice in choices)
    above, least, most, below = field.metadata.get("bounds", (-math.inf, -math.inf, math.inf, math.inf))
    limits = ((">", above), ("≥", least), ("<", below), ("≤", most))
    bounds = [f"{sign}&nbsp;{value:g}" for sign, value in limits if math.isfinite(value)]
    return ", ".join([_type(field), *bounds]) if bounds else ""


def _yaml(value: Any) -> str:
    """Returns a value as it is typed on the command line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_yaml(item)}" for key, item in value.items()) + "}"
    return str(value)


def _cell(text: str) -> str:
    """Returns text that does not end its cell of a table."""
    return re.sub(r"\s+", " ", text.replace("|", "\\|"))
