"""Finds a backbone's pretrained weights, and loads them into the one graph that every source shares."""

import logging
import warnings
from pathlib import Path

import keras
import numpy as np

from skinexp.contracts.backbones import CONTRACTS, Contract, with_shipped_weights
from skinexp.core.errors import UserError
from skinexp.models import packed_weights
from skinexp.models.backbone_graphs import build_backbone
from skinexp.models.channel_layout import image_shape

log = logging.getLogger(__name__)

IMAGENET_STD = np.array([0.229, 0.224, 0.225])  # of the RGB channels, as keras.applications.efficientnet has it
DONOR_SIZE = 224  # pixels per side that the ImageNet release is built for; the weights do not depend on it


def load(source: str, contract: Contract, alpha: float, backbone: keras.Model) -> None:
    """Loads pretrained weights into a backbone.

    EfficientNet exists in two graphs: its ImageNet release holds standard deviations in place of the variances of
    Normalization, so the graph for the release divides by their square root once more. Here the variances are corrected
    instead, also if the release is given as a file, and one graph serves all.

    Args:
        source: `imagenet`; `phantom`, included in skinexp; a `.weights.h5` file, a file of Keras' ImageNet release,
            or an `.npz` file as `skinexp.pretrain` writes it; or a directory that holds one such file for the backbone.
        contract: which backbone.
        alpha: its width.
        backbone: as `build_backbone` returns it, on any input.

    Raises:
        UserError: if the weights cannot be had, or do not fit.
    """
    if source == "imagenet":
        _copy(_download(contract, alpha), backbone)
    else:
        file = _find_shipped(contract, alpha) if source == "phantom" else _find(Path(source), contract, alpha)
        read = packed_weights.read if file.suffix == packed_weights.SUFFIX else _read
        read(file, backbone)
        log.info("Weights   %s", "pretrained on phantoms, included in skinexp" if source == "phantom" else file)
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.Normalization) and layer.weights:
            _mend(layer)


def describe_random(model: str, alpha: float) -> str:
    """Returns a sentence on a backbone of random weights, with the backbones whose weights are included in skinexp."""
    others = " and ".join(with_shipped_weights())
    if CONTRACTS[model].has_shipped_weights(alpha):
        return "random: the whole network is trained"
    return f"random: the whole network is trained. {others} of width 1 have weights included in skinexp, {model} not"


def shipped(contract: Contract, alpha: float) -> Path:
    """Returns the file of a backbone's weights included in skinexp."""
    return packed_weights.SHIPPED / f"{contract.file_prefix(alpha)}phantom{packed_weights.SUFFIX}"


def _find_shipped(contract: Contract, alpha: float) -> Path:
    if not contract.has_shipped_weights(alpha):
        raise UserError(
            f"model.weights: phantom weights are included for {' and '.join(with_shipped_weights())} in width 1. "
            f"Received: model.weights=phantom for {contract.application}, width {alpha}"
        )
    return shipped(contract, alpha)


def _read(file: Path, backbone: keras.Model) -> None:
    try:
        with warnings.catch_warnings(action="ignore"):  # one for each layer that does not fit; the refusal is enough
            backbone.load_weights(file)
    except Exception as error:  # h5py and Keras fail on damaged files in many ways
        reason = _first_line(error).partition(". Example")[0]
        raise UserError(f"model.weights: {file} does not fit {backbone.name} without its top: {reason}") from error


def _copy(source: keras.Model, receiver: keras.Model) -> None:
    """Copies weights layer by layer between models that have the same layers with weights, in the same order."""
    givers, takers = ([layer for layer in model.layers if layer.weights] for model in (source, receiver))
    for giver, taker in zip(givers, takers, strict=True):
        taker.set_weights(giver.get_weights())


def _mend(normalization: keras.layers.Normalization) -> None:
    mean, variance, count = normalization.get_weights()
    if np.allclose(variance, IMAGENET_STD, rtol=1e-3):
        normalization.set_weights([mean, np.square(variance), count])
    normalization.finalize_state()  # what the layer computes with is derived from its weights


def _download(contract: Contract, alpha: float) -> keras.Model:
    try:
        return build_backbone(contract, alpha, weights="imagenet", input_shape=image_shape(DONOR_SIZE))
    except Exception as error:  # Keras raises bare Exception where a download fails
        shipped_ones = "use those included (model.weights=phantom), or "
        others = shipped_ones if contract.has_shipped_weights(alpha) else ""
        raise UserError(
            "model.weights: ImageNet weights could not be downloaded and are not in Keras' cache. Connect to the "
            f"network once, or put {contract.release_file(alpha)} into $KERAS_HOME/models, or give a file or a "
            f"directory (model.weights=PATH), or {others}train from random weights (model.weights=null). "
            f"Reason: {_first_line(error)}"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _find(path: Path, contract: Contract, alpha: float) -> Path:
    if path.is_file():
        return path
    prefix = contract.file_prefix(alpha)
    release = contract.release_file(alpha)
    found = sorted(path.glob(f"{prefix}*.weights.h5")) + sorted(path.glob(release))
    if len(found) != 1:
        which = "no file" if not found else "more than one file"
        raise UserError(
            f"model.weights: {path} holds {which} named {prefix}*.weights.h5 or {release}. Name the file itself"
        )
    return found[0]
