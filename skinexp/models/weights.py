"""Finds a backbone's pretrained weights and puts them into the one graph that every source shares."""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from skinexp.errors import UserError
from skinexp.models.backbones import Contract

log = logging.getLogger(__name__)

IMAGENET_STD = np.array([0.229, 0.224, 0.225])  # of the RGB channels, as keras.applications.efficientnet has it
FILE_SIZE = 224  # pixels a side of the donor that a file is loaded into; the weights do not depend on it


def donor(source: str, contract: Contract, alpha: float) -> keras.Model:
    """A model of keras.applications that holds the weights, in the order of the backbone's own.

    Args:
        source: `imagenet`, a `.weights.h5` file, or a directory in which the backbone looks its own file up by name.

    Raises:
        UserError: where the weights cannot be had, or do not fit.
    """
    if source == "imagenet":
        return _download(contract, alpha)
    file = _find(Path(source), contract, alpha)
    model = contract.build(
        include_top=False, weights=None, input_shape=(FILE_SIZE, FILE_SIZE, 3), **contract.arguments(alpha)
    )
    try:
        with warnings.catch_warnings(action="ignore"):  # one for each layer that does not fit; the refusal is enough
            model.load_weights(file)
    except (ValueError, KeyError, OSError) as error:
        reason = _first_line(error).partition(". Example")[0]
        raise UserError(f"model.weights: {file} does not fit {model.name} without its top: {reason}") from error
    log.info("Weights   %s", file)
    return model


def transplant(source: keras.Model, receivers: Sequence[keras.layers.Layer]) -> None:
    """Copies the donor's weights into a backbone's layers, which come in the same order as the donor's.

    EfficientNet exists in two graphs: its ImageNet release holds standard deviations where Normalization reads
    variances, so the graph for the release divides by their square root once more. Here the variances are mended
    instead, also where the release comes as a file, and one graph serves all.
    """
    givers = [layer for layer in source.layers if layer.weights]
    for giver, receiver in zip(givers, (layer for layer in receivers if layer.weights), strict=True):
        values = giver.get_weights()
        if isinstance(giver, keras.layers.Normalization):
            mean, variance, count = values
            if np.allclose(variance, IMAGENET_STD, rtol=1e-3):
                variance = np.square(variance)
            receiver.set_weights([mean, variance, count])
            receiver.finalize_state()  # what the layer computes with is derived from its weights
        else:
            receiver.set_weights(values)


def _download(contract: Contract, alpha: float) -> keras.Model:
    try:
        return contract.build(
            include_top=False, weights="imagenet", input_shape=(FILE_SIZE, FILE_SIZE, 3), **contract.arguments(alpha)
        )
    except Exception as error:  # Keras raises bare Exception where a download fails
        raise UserError(
            "model.weights: ImageNet weights could not be downloaded and are not in Keras' cache. "
            "Connect to the network once, or put the files into $KERAS_HOME/models, or give a file or a directory "
            "(model.weights=PATH), or train from random weights (model.weights=null). "
            f"Reason: {_first_line(error)}"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _find(path: Path, contract: Contract, alpha: float) -> Path:
    if path.is_file():
        return path
    prefix = contract.file_prefix(alpha)
    found = sorted(path.glob(f"{prefix}*.weights.h5"))
    if len(found) != 1:
        which = "no file" if not found else "more than one file"
        raise UserError(f"model.weights: {path} holds {which} named {prefix}*.weights.h5. Name the file itself")
    return found[0]
