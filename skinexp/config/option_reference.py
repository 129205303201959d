"""The reference of all configuration keys: the one source of help texts and of the documentation's table."""

import dataclasses
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from skinexp.config.option_fields import default_of
from skinexp.config.schema import Config


@dataclass(frozen=True)
class Option:
    """One configuration key.

    Attributes:
        key: its full name, such as `optim.lr`.
        type: in words: `float`, `str or null`, `dict[str, int]`.
        default: the schema's; a file in conf/ may set another value.
        meaning: what it does, with its unit.
        choices: the words that it accepts; empty if it is not such a key.
        bounds: the numbers that it accepts: `gt` (above), `ge` (at least), `lt` (below), `le` (at most) -> bound.
    """

    key: str
    type: str
    default: Any
    meaning: str
    choices: tuple[str, ...] = ()
    bounds: Mapping[str, float] = field(default_factory=dict)


def reference(schema: type = Config, prefix: str = "") -> Iterator[Option]:
    """Yields all keys of a schema in the order of its fields, those of a section in its place.

    Args:
        schema: a dataclass of `skinexp.config.schema`.
        prefix: of the keys, such as `optim.` for the section `Optim`.
    """
    for item in dataclasses.fields(schema):
        key = f"{prefix}{item.name}"
        if isinstance(item.type, type) and dataclasses.is_dataclass(item.type):
            yield from reference(item.type, f"{key}.")
        else:
            yield Option(
                key,
                _type_in_words(item.type),
                default_of(item),
                item.metadata["help"],
                tuple(item.metadata.get("choices", ())),
                item.metadata.get("bounds", {}),
            )


def meaning_of(section: type) -> str:
    """Returns what a section of the configuration is about: the first line of its docstring."""
    return (inspect.getdoc(section) or "").partition("\n")[0]


def as_typed(value: Any) -> str:
    """Returns a value as it is typed on the command line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{as_typed(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(as_typed, value)) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _type_in_words(annotation: Any) -> str:
    plain = isinstance(annotation, type) and not hasattr(annotation, "__args__")
    return annotation.__name__ if plain else str(annotation).replace(" | None", " or null")
