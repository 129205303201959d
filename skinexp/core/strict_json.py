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


def read_json(file: Path) -> dict[str, Any]:
    """Returns the content of a file that holds a JSON object.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it holds something else, with the reason as a clause.
    """
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON, from character {error.pos} on") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"it is no text, from byte {error.start} on") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(values, dict):
        raise ValueError(f"it holds a {type(values).__name__} in place of an object")
    return values


def write_json(file: Path, value: Any) -> None:
    """Writes a file of strict JSON whole or not at all."""
    replace_text(file, json.dumps(to_strict_json(value), indent=2) + "\n")
