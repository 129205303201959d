"""Short fingerprints of values: equal digests mean equal content."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the command line does not import NumPy
    import numpy as np


def digest(*parts: Any) -> str:
    """Returns the first 16 hexadecimal digits of the SHA-256 of the parts as JSON (dataclasses as their fields)."""
    text = json.dumps(parts, sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def digest_of_arrays(arrays: "Iterable[np.ndarray]") -> str:
    """Returns the SHA-256 of the bytes of the arrays, one after the other."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(array.tobytes())
    return found.hexdigest()


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    raise TypeError(f"no digest for a {type(value).__name__}")
