"""Fields of the configuration: each has a default, a meaning, and the values that it accepts."""

import dataclasses
import operator
from collections.abc import Callable, Collection, Mapping
from dataclasses import field
from typing import Any, NamedTuple


class Bound(NamedTuple):
    """A kind of bound: whether a number respects it, and the words for it in a message."""

    holds: Callable[[float, float], bool]
    words: str


BOUNDS = {
    "gt": Bound(operator.gt, "above"),
    "ge": Bound(operator.ge, "at least"),
    "lt": Bound(operator.lt, "below"),
    "le": Bound(operator.le, "at most"),
}


def option(default: Any, help: str) -> Any:
    """Returns a field that accepts every value of its type.

    Args:
        default: the value if nothing else is given.
        help: the meaning of the key, with its unit.
    """
    return field(default=default, metadata={"help": help})


def choice(default: str, *others: str, help: str) -> Any:
    """Returns a field that accepts one of a few words.

    Args:
        default: the word if nothing else is given.
        others: the other words; the default may be among them.
        help: the meaning of the key.
    """
    return field(default=default, metadata={"help": help, "choices": tuple(dict.fromkeys((default, *others)))})


def registered(default: str, names: Collection[str], help: str) -> Any:
    """Returns a field that accepts a name of a registry.

    Args:
        default: the name if nothing else is given.
        names: of the registry, also those that are added later.
        help: the meaning of the key.
    """
    return field(default=default, metadata={"help": help, "choices": names})


def number(
    default: float | None,
    help: str,
    *,
    gt: float | None = None,
    ge: float | None = None,
    lt: float | None = None,
    le: float | None = None,
) -> Any:
    """Returns a field that accepts a number within bounds.

    Args:
        default: the number if nothing else is given.
        help: the meaning of the key, with its unit.
        gt: the number must be greater than this bound.
        ge: the number must be at least this bound.
        lt: the number must be less than this bound.
        le: the number must be at most this bound.
    """
    bounds = {"gt": gt, "ge": ge, "lt": lt, "le": le}
    given = {name: bound for name, bound in bounds.items() if bound is not None}
    return field(default=default, metadata={"help": help, "bounds": given})


def bounds_in_words(bounds: Mapping[str, float]) -> str:
    """Returns bounds as a message has them: `above 0 and at most 1`."""
    return " and ".join(f"{BOUNDS[name].words} {bound:g}" for name, bound in bounds.items())


def is_within(value: float, bounds: Mapping[str, float]) -> bool:
    """Returns whether a number is within bounds; NaN is within none."""
    return all(BOUNDS[name].holds(value, bound) for name, bound in bounds.items())


def default_of(item: "dataclasses.Field[Any]") -> Any:
    """Returns the default of a field, made anew if a function makes it."""
    return item.default if item.default_factory is dataclasses.MISSING else item.default_factory()
