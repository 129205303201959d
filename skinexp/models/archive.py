"""model.keras: the network, and in the same file the metadata that new images need."""

import dataclasses
import io
import json
import logging
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np

from skinexp.evaluation.domain_shift import Reference

log = logging.getLogger(__name__)

METADATA = "skinexp.json"  # in the archive; Keras ignores it when it loads the model
REFERENCE = "skinexp_training_images.npz"  # likewise


def save_model(network: keras.Model, file: Path, metadata: dict[str, Any], reference: Reference | None = None) -> None:
    """Writes a network that Keras loads without skinexp, with metadata that `load_metadata` reads, whole or not at all.

    Args:
        network: the trained network.
        file: to write.
        metadata: values that JSON can hold.
        reference: statistics of the training images, for `load_reference`.
    """
    with _replacing(file) as unfinished:
        network.save(unfinished)
        _append(unfinished, metadata, reference)


def replace_metadata(file: Path, metadata: dict[str, Any], reference: Reference | None = None) -> None:
    """Replaces what the file of a network says beside the network, whole or not at all.

    Args:
        file: as `save_model` wrote it.
        metadata: values that JSON can hold.
        reference: statistics of the training images, for `load_reference`.
    """
    with _replacing(file) as unfinished:
        with zipfile.ZipFile(file) as source, zipfile.ZipFile(unfinished, "w") as target:
            for entry in source.infolist():
                if entry.filename not in (METADATA, REFERENCE):
                    with source.open(entry) as stored, target.open(entry, "w", force_zip64=True) as copied:
                        shutil.copyfileobj(stored, copied)
        _append(unfinished, metadata, reference)


@contextmanager
def _replacing(file: Path) -> Iterator[Path]:
    """Gives the name of a new file, which takes the place of the old one if it could be written."""
    unfinished = file.with_name(f"unfinished_{file.name}")  # Keras accepts no other suffix
    try:
        yield unfinished
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)


def _append(file: Path, metadata: dict[str, Any], reference: Reference | None) -> None:
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_entry(METADATA), json.dumps(metadata, indent=2))
        if reference is not None:
            packed = io.BytesIO()
            np.savez(packed, **dataclasses.asdict(reference))
            archive.writestr(_entry(REFERENCE), packed.getvalue())


def _entry(name: str) -> zipfile.ZipInfo:
    """Returns an entry that is dated 1980, whatever the clock says: ZIP knows no earlier time."""
    entry = zipfile.ZipInfo(name)
    entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
    return entry


def load_metadata(file: Path) -> dict[str, Any]:
    """Returns the preprocessing options, thresholds and class names of a saved network."""
    with zipfile.ZipFile(file) as archive:
        return json.loads(archive.read(METADATA))


def load_reference(file: Path) -> Reference | None:
    """Returns the statistics of a saved network's training images; None if it has none, or damaged ones."""
    with zipfile.ZipFile(file) as archive:
        if REFERENCE not in archive.namelist():
            return None
        try:
            with np.load(io.BytesIO(archive.read(REFERENCE)), allow_pickle=False) as arrays:
                kept = {name: arrays[name] for name in arrays}
            return Reference(**kept | {"rest": float(kept["rest"])})
        except Exception as error:  # damaged archives fail in many ways, and the network can be used all the same
            log.warning("Damaged   statistics of the training images in %s: shift is not measured (%s)", file, error)
            return None
