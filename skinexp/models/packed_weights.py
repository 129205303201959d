"""Weights packed into a small file, with a card beside it that states their origin and the file's hash.

The file is NumPy's .npz: `layer/weight` -> array, kernels in float16. Weights with one number a channel stay in
float32: they take little space, and float16 has hardly a digit for a small variance.
"""

import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any

import keras
import numpy as np

from skinexp.core.errors import UserError
from skinexp.core.strict_json import read_json

SHIPPED = Path(__file__).parent / "pretrained"  # what is included in skinexp
SUFFIX = ".npz"


def write(backbone: keras.Model, file: Path, about: dict[str, Any]) -> dict[str, Any]:
    """Writes a backbone's weights and their card.

    Args:
        backbone: whose weights are written.
        file: of the weights; the card is written beside it.
        about: further entries of the card.

    Returns:
        The card.
    """
    packed = io.BytesIO()
    content_of: dict[str, Any] = {name: _packed(array) for name, array in arrays(backbone).items()}
    np.savez(packed, **content_of)
    content = packed.getvalue()
    file.write_bytes(content)
    card = {"file": file.name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), **about}
    card_of(file).write_text(json.dumps(card, indent=2) + "\n")
    return card


def read(file: Path, backbone: keras.Model) -> dict[str, Any]:
    """Loads packed weights into a backbone.

    Returns:
        The card.

    Raises:
        UserError: if the file differs from its card, or does not fit.
    """
    card, content = _checked(file)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            held = {name: stored[name] for name in stored}
        wanted = {name: weight.shape for name, weight in _weights(backbone).items()}
        if {name: array.shape for name, array in held.items()} != wanted:
            raise ValueError(f"it is of {card.get('backbone', 'another network')}")
    except Exception as error:  # a damaged archive fails in many ways
        raise UserError(f"model.weights: {file} does not fit {backbone.name} without its top: {error}") from error
    for name, weight in _weights(backbone).items():
        weight.assign(held[name].astype(weight.dtype))
    return card


def card_of(file: Path) -> Path:
    """Returns the path of the card of a weights file."""
    return file.with_suffix(".json")


def arrays(backbone: keras.Model) -> dict[str, np.ndarray]:
    """Returns `layer/weight` -> array, with the same names for every network that is built the same way."""
    return {name: keras.ops.convert_to_numpy(weight) for name, weight in _weights(backbone).items()}


def _weights(backbone: keras.Model) -> dict[str, keras.Variable]:
    named: dict[str, keras.Variable] = {}
    for layer in backbone.layers:
        # Keras counts the layers that nobody named: normalization, normalization_1, ... as they are built.
        stem = re.sub(r"_\d+$", "", layer.name) if isinstance(layer, keras.layers.Normalization) else layer.name
        named |= {f"{stem}/{weight.name}": weight for weight in layer.weights}
    return named


def _packed(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float16) if array.ndim > 1 else array


def _checked(file: Path) -> tuple[dict[str, Any], bytes]:
    """Returns the card, and the bytes of the file whose hash it states."""
    try:
        card, content = read_json(card_of(file)), file.read_bytes()
        expected = card["sha256"]
    except (OSError, ValueError, KeyError) as error:
        reason = f"its card {card_of(file).name} cannot be read" if file.is_file() else "no such file"
        raise UserError(f"model.weights: {file} does not fit: {reason}{_cure(file)}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise UserError(
            f"model.weights: {file} is damaged: its SHA-256 is {found[:12]}..., and its card says "
            f"{str(expected)[:12]}...{_cure(file)}"
        )
    return card, content


def _cure(file: Path) -> str:
    return ". Install skinexp again" if file.parent == SHIPPED else ""
