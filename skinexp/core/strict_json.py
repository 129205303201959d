"""Strict JSON after RFC 8259, which has neither NaN nor infinity."""

import json
import math
from pathlib import Path
from typing import Any

from skinexp.core.atomic_files import replace_text


def to_strict_json(value: Any) -> Any:
    """Returns the value with null for NaN and infinity, lists for tuples, and words for keys."""
    if isinstance(value, dict):
        return {str(key): to_strict_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_strict_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def write_json(file: Path, value: Any) -> None:
    """Writes a file of strict JSON whole or not at all."""
    replace_text(file, json.dumps(to_strict_json(value), indent=2) + "\n")
