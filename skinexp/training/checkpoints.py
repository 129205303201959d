"""The state that a training needs to resume after it was killed, and the file that holds it.

The file is written under another name, synced to the disk, and renamed: a killed process leaves this
checkpoint or the previous one. It does not hold the order of images and their augmentation, which follow from the seed
and the epoch, nor layers that have been frozen so far, which are as the network was built.
"""

import json
import logging
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from skinexp.config.schema import Config
from skinexp.core.atomic_files import remove_any
from skinexp.core.digest import digest, digest_of_arrays
from skinexp.core.errors import NO_ROOM, UserError
from skinexp.core.run_files import CHECKPOINTS
from skinexp.data.pipeline import Batches
from skinexp.models import Classifier
from skinexp.training.callbacks import EpochRow
from skinexp.training.phases import Phase
from skinexp.training.stoppers import Counters

log = logging.getLogger(__name__)

FOLDER, FILE = CHECKPOINTS, "training.npz"  # in the run's directory
VERSION = 2  # raise it when a checkpoint of before cannot be gone on with
ARRAYS = ("network", "best_weights", "optimizer")
FACTS, SEAL = "facts", "seal"  # a digest of everything else, so that a checkpoint that was damaged or edited is found

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Checkpoint:
    """A training between two epochs, in plain values; the last three are empty between two phases.

    Attributes:
        finished: phases that are over.
        cuts: where each phase that has begun is cut, by its name.
        rows: one for each epoch that is over.
        best: the best epoch, and the monitor's value there.
        network: variables of layers that have learned or do so now, seeds of dropout included.
        best_weights: weights of these layers in the best epoch; empty if that was the last.
        optimizer: its variables.
        stoppers: counters of the callbacks that slow the phase down and stop it.
    """

    finished: int
    cuts: dict[str, str | None]
    rows: list[EpochRow]
    best: tuple[int, float]
    network: Arrays
    best_weights: Arrays
    optimizer: Arrays
    stoppers: list[Counters]


def write(checkpoint: Checkpoint, fingerprint: str, directory: Path) -> None:
    """Writes the checkpoint whole, or leaves the one before.

    Raises:
        UserError: if the disk has no room for it.
    """
    facts = {name: value for name, value in vars(checkpoint).items() if name not in ARRAYS}
    arrays: Arrays = {f"{part}/{name}": value for part in ARRAYS for name, value in getattr(checkpoint, part).items()}
    text = json.dumps({"fingerprint": fingerprint, **facts, SEAL: _seal(facts, arrays)})
    content: dict[str, Any] = {FACTS: np.frombuffer(text.encode(), np.uint8), **arrays}
    unfinished = directory / f"{FILE}.part"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as stream:
            np.savez(stream, **content)
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(directory / FILE)
    except OSError as error:
        if error.errno not in NO_ROOM:
            reason = error.strerror or error
            raise UserError(
                f"hydra.run.dir: {directory} cannot be written: {reason}. Name another directory"
            ) from error
        unfinished.unlink(missing_ok=True)  # what else the run has to write needs the room
        raise _no_room(directory, len(text) + sum(value.nbytes for value in arrays.values())) from error


def read(directory: Path, fingerprint: str) -> Checkpoint | None:
    """Returns the checkpoint of exactly this training; None if none can be used, with the reason in the log."""
    try:
        with (directory / FILE).open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            facts = json.loads(stored[FACTS].tobytes())
            if facts.pop("fingerprint") != fingerprint:
                log.warning(
                    "Training  starts at the beginning: the checkpoint belongs to other options, data or weights"
                )
                return None
            arrays = {name: stored[name] for name in stored if name != FACTS}
            if facts.pop(SEAL) != _seal(facts, arrays):
                raise ValueError("its content is not what was written")
            parts: dict[str, Any] = {part: _below(part, arrays) for part in ARRAYS}
            return Checkpoint(**facts, **parts)
    except FileNotFoundError:
        return None
    except Exception as error:  # a damaged checkpoint must not prevent the training
        log.warning("Training  starts at the beginning: the checkpoint cannot be read (%s)", error)
        remove_any(directory / FILE)  # it may be a directory, which no file replaces
        return None


def forget(directory: Path) -> None:
    """Removes what a run's directory holds of a training."""
    shutil.rmtree(directory / FOLDER, ignore_errors=True)


def fingerprint(classifier: Classifier, plan: list[Phase], batches: Batches, config: Config) -> str:
    """Returns a digest of all that a training depends on: options, data, and weights that a checkpoint leaves out."""
    layers = classifier.network.layers
    variables = [(layer.name, list(variable.shape), variable.dtype) for layer in layers for variable in layer.variables]
    frozen = (weights for layer in layers if layer.name in plan[0].frozen for weights in layer.get_weights())
    return digest(
        VERSION,
        [keras.version(), keras.backend.backend(), keras.config.dtype_policy().name, keras.config.image_data_format()],
        [config.seed, config.augment, config.model, config.optim, config.training],
        replace(config.data, cache="", workers=None),  # whose options change nothing but the time it takes
        [[part.digest, digest_of_arrays([part.labels])] for part in (batches.train.images, batches.val)],
        variables,
        digest_of_arrays(frozen),
    )


def _seal(facts: Mapping[str, Any], arrays: Arrays) -> str:
    """Returns a digest of the facts of a checkpoint and its arrays."""
    shapes = [(name, list(arrays[name].shape)) for name in sorted(arrays)]
    return digest(json.dumps(facts), shapes, digest_of_arrays(arrays[name] for name in sorted(arrays)))


def _below(part: str, stored: Mapping[str, np.ndarray]) -> Arrays:
    return {key.removeprefix(f"{part}/"): stored[key] for key in stored if key.startswith(f"{part}/")}


def _no_room(directory: Path, needed: int) -> UserError:
    return UserError(
        f"hydra.run.dir: the disk of {directory} has no room for a checkpoint: {needed:,} bytes are needed and "
        f"{shutil.disk_usage(directory).free:,} are free. Free some space, or write runs elsewhere: "
        f"hydra.run.dir=<directory>, hydra.sweep.dir=<directory> for a sweep. Earlier checkpoints are kept"
    )
