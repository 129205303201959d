"""Typed sections of a JSON file: dataclasses that are read from a file of any version, and written.

A field's type says how its entry is read. Null, and an entry of another type, read as the field's default. Keys that no
field has are ignored.
"""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

Section = TypeVar("Section")

OPTIONAL = {"optional": True}  # metadata of a field that the file has only if it has a value
LARGEST = 2**63 - 1  # whole number that tables hold


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


def unusable_fields(kind: type[Any], values: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the fields whose entries are of another type, so that `from_json` leaves them out.

    Args:
        kind: the dataclass.
        values: the JSON object.

    Returns:
        Names of fields; one of a section within the dataclass is `section.field`.
    """
    hints = typing.get_type_hints(kind)
    found: list[str] = []
    for name in [item.name for item in dataclasses.fields(kind)]:
        (section, _), entry = type_parts(hints[name]), values.get(name)
        if dataclasses.is_dataclass(section) and isinstance(section, type) and isinstance(entry, Mapping):
            found += [f"{name}.{inner}" for inner in unusable_fields(section, entry)]
        elif not fits(hints[name], entry):
            found.append(name)
    return tuple(found)


def type_parts(hint: Any) -> tuple[Any, Any]:
    """Returns the type of a field without the option that it has no value, and the type of what a collection holds."""
    if isinstance(hint, types.UnionType):
        (hint,) = (option for option in typing.get_args(hint) if option is not types.NoneType)
    return typing.get_origin(hint) or hint, (typing.get_args(hint) or (Any,))[-1]


def fits(hint: Any, entry: Any) -> bool:
    """Returns whether an entry can be read whole; null fits every field."""
    origin, inner = type_parts(hint)
    if entry is None or origin is Any:
        return True
    if origin is float:
        return _is_number(entry)
    if origin is dict:
        return isinstance(entry, Mapping) and all(fits(inner, value) for value in entry.values())
    if origin is list:
        return isinstance(entry, list) and all(fits(inner, item) for item in entry)
    return _read(hint, entry) is not None


def _read(hint: Any, entry: Any) -> Any:
    """Returns the value of a field; None if the entry has none, or one of another type."""
    origin, inner = type_parts(hint)
    if origin is float:
        return number(entry)
    if entry is None or origin is Any:
        return entry
    if origin is dict:
        if not isinstance(entry, Mapping):
            return None
        read = {str(key): _read(inner, value) for key, value in entry.items()}
        return {key: value for key, value in read.items() if value is not None or inner is Any}
    if origin is tuple:
        return tuple(map(str, entry)) if isinstance(entry, (list, tuple)) else None
    if origin is list:
        if not isinstance(entry, list):
            return None
        items = [_read(inner, item) for item in entry]
        return [item for item in items if item is not None]
    if dataclasses.is_dataclass(origin) and isinstance(origin, type):
        return from_json(origin, entry) if isinstance(entry, Mapping) else None
    if origin is int and isinstance(entry, int) and abs(entry) > LARGEST:
        return None
    return entry if isinstance(entry, origin) and isinstance(entry, bool) == (origin is bool) else None


def _written(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return to_json(value)
    return list(value) if isinstance(value, tuple) else value


def _is_number(entry: Any) -> bool:
    return isinstance(entry, (int, float)) and not isinstance(entry, bool)


def number(entry: Any) -> float:
    """Returns a number as a float; NaN if it is none, or has no float."""
    try:
        return float(entry) if _is_number(entry) else math.nan
    except OverflowError:  # a whole number of hundreds of digits
        return math.nan
