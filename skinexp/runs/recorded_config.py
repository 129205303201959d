"""The configuration in the record of a run, which another version or a hand may have written.

Only the standard library is imported here, as in skinexp.runs.run_summary.
"""

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any

from skinexp.config.option_fields import is_within
from skinexp.config.schema import Config
from skinexp.runs.json_fields import fits, type_parts


def unusable_keys(config: Mapping[str, Any], is_checked: bool, schema: type[Any] = Config) -> tuple[str, ...]:
    """Returns the full names of the keys whose values have another type than the schema's, or are out of bounds.

    Args:
        config: nested dictionaries. Keys that the schema does not have belong to other versions and commands.
        is_checked: whether a command has accepted the configuration, so that its numbers are within bounds.
        schema: of the configuration.
    """
    hints = typing.get_type_hints(schema)
    found: list[str] = []
    for item in dataclasses.fields(schema):
        section, entry = type_parts(hints[item.name])[0], config.get(item.name)
        if dataclasses.is_dataclass(section) and isinstance(section, type) and isinstance(entry, Mapping):
            found += [f"{item.name}.{key}" for key in unusable_keys(entry, is_checked, section)]
        elif item.name in config and not _is_usable(item, hints[item.name], entry, is_checked):
            found.append(item.name)
    return tuple(found)


def usable_config(config: Mapping[str, Any], is_checked: bool) -> dict[str, Any]:
    """Returns a configuration without its unusable keys; see `unusable_keys`."""
    unusable = unusable_keys(config, is_checked)
    return _without(config, unusable) if unusable else dict(config)


def _is_usable(item: "dataclasses.Field[Any]", hint: Any, entry: Any, is_checked: bool) -> bool:
    if entry is None:
        return not dataclasses.is_dataclass(type_parts(hint)[0])
    if not fits(hint, entry):
        return False
    bounds = item.metadata.get("bounds")
    return not is_checked or bounds is None or not isinstance(entry, (int, float)) or is_within(entry, bounds)


def _without(config: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    kept = {}
    for key, entry in config.items():
        inner = tuple(name.partition(".")[2] for name in names if name.startswith(f"{key}."))
        if key not in names:
            kept[key] = _without(entry, inner) if inner else entry
    return kept
