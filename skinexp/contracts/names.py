"""The names of a registry, as choices of a configuration field."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any


class Names(Collection[str]):
    """The names of a registry, after some of their own; an entry that is added later is among them."""

    def __init__(self, *own: str, registry: Mapping[str, Any]):
        self._own, self._registry = own, registry

    def __iter__(self) -> Iterator[str]:
        yield from self._own
        yield from self._registry

    def __contains__(self, name: object) -> bool:
        return name in self._own or name in self._registry

    def __len__(self) -> int:
        return len(self._own) + len(self._registry)
