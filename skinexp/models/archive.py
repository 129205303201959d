"""model.keras: the network, and beside it in the same file what is needed to use it on new images."""

import json
import zipfile
from pathlib import Path
from typing import Any

import keras

METADATA = "skinexp.json"  # in the archive; Keras ignores it when it loads the model


def save_model(network: keras.Model, file: Path, metadata: dict[str, Any]) -> None:
    """Saves a network that Keras loads without skinexp, with metadata that `load_metadata` reads."""
    network.save(file)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(METADATA, json.dumps(metadata, indent=2))


def load_metadata(file: Path) -> dict[str, Any]:
    """Preprocessing options, thresholds and class names of a saved network."""
    with zipfile.ZipFile(file) as archive:
        return json.loads(archive.read(METADATA))
