"""model.keras: the network, and beside it in the same file what is needed to use it on new images."""

import dataclasses
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from skinexp.evaluation.domain_shift import Reference

METADATA = "skinexp.json"  # in the archive; Keras ignores it when it loads the model
REFERENCE = "skinexp_training_images.npz"  # likewise


def save_model(network: keras.Model, file: Path, metadata: dict[str, Any], reference: Reference | None = None) -> None:
    """Saves a network that Keras loads without skinexp, with metadata that `load_metadata` reads.

    Args:
        reference: what is kept of the training images, for `load_reference`.
    """
    network.save(file)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(METADATA, json.dumps(metadata, indent=2))
        if reference is not None:
            packed = io.BytesIO()
            np.savez(packed, **dataclasses.asdict(reference))
            archive.writestr(REFERENCE, packed.getvalue())


def load_metadata(file: Path) -> dict[str, Any]:
    """Preprocessing options, thresholds and class names of a saved network."""
    with zipfile.ZipFile(file) as archive:
        return json.loads(archive.read(METADATA))


def load_reference(file: Path) -> Reference | None:
    """What is kept of a saved network's training images; None where nothing is, as in files of earlier versions."""
    with zipfile.ZipFile(file) as archive:
        if REFERENCE not in archive.namelist():
            return None
        with np.load(io.BytesIO(archive.read(REFERENCE)), allow_pickle=False) as arrays:
            kept = {name: arrays[name] for name in arrays}
    return Reference(**kept | {"rest": float(kept["rest"])})
