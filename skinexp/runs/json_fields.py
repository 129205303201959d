"""Typed sections of a JSON file: dataclasses that are read from a file of any version, and written.

A field's type says how its entry is read; null reads as the field's default, and keys that no field has are ignored.
"""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

Section = TypeVar("Section")

OPTIONAL = {"optional": True}  # metadata of a field that the file has only if it has a value


def from_json(kind: type[Section], values: Mapping[str, Any]) -> Section:
    """Returns the dataclass that a JSON object describes.

    Raises:
        TypeError: if an entry is absent whose field has no default.
    """
    hints = typing.get_type_hints(kind)
    names = [item.name for item in dataclasses.fields(kind)]  # type: ignore[arg-type]
    entries = {name: _read(hints[name], values[name]) for name in names if name in values}
    return kind(**{name: entry for name, entry in entries.items() if entry is not None})


def to_json(section: Any) -> dict[str, Any]:
    """Returns a dataclass as nested dictionaries and lists, without optional fields that have no value."""
    values = {}
    for item in dataclasses.fields(section):
        value = getattr(section, item.name)
        if not (item.metadata.get("optional") and is_empty(value)):
            values[item.name] = _written(value)
    return values


def is_empty(value: Any) -> bool:
    """Returns whether there is no value: None, NaN, an empty collection, or a section of numbers that are all NaN."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        entries = [getattr(value, item.name) for item in dataclasses.fields(value)]
        return all(isinstance(entry, float) and math.isnan(entry) for entry in entries)
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or (isinstance(value, (dict, list, tuple)) and not value)


def _read(hint: Any, entry: Any) -> Any:
    """The value of a field; None if the entry has none."""
    if isinstance(hint, types.UnionType):
        (hint,) = (option for option in typing.get_args(hint) if option is not types.NoneType)
    origin = typing.get_origin(hint) or hint
    if origin is float:
        return _number(entry)
    if origin is dict:
        if not isinstance(entry, Mapping):
            return None
        numeric = typing.get_args(hint)[1] is float
        return {str(key): _number(value) if numeric else value for key, value in entry.items()}
    if origin is tuple:
        return tuple(map(str, entry)) if isinstance(entry, (list, tuple)) else None
    if dataclasses.is_dataclass(origin) and isinstance(origin, type):
        return from_json(origin, entry) if isinstance(entry, Mapping) else None
    return entry


def _written(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return to_json(value)
    return list(value) if isinstance(value, tuple) else value


def _number(entry: Any) -> float:
    return float(entry) if isinstance(entry, (int, float)) else math.nan
