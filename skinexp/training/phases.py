"""The phases of a training: which layers learn, for how many epochs, at which learning rate."""

from dataclasses import dataclass

import keras

from skinexp.config.schema import Model, Optim
from skinexp.models import Classifier

LEARNS = {
    "train": "all layers",
    "head": "the head on a frozen backbone",
    "fine_tune": "the head and the end of the backbone",
}  # phase -> what it trains


@dataclass(frozen=True)
class Phase:
    """One part of a training.

    Attributes:
        name: train (everything), head (the backbone frozen) or fine_tune (its end trained as well); in the last two
            the backbone's BatchNormalization learns too if `model.batch_norm=trained`.
        epochs: at most.
        lr: learning rate it begins with.
        frozen: names of the layers that keep their weights and compute as in inference.
    """

    name: str
    epochs: int
    lr: float
    frozen: frozenset[str]


def plan(classifier: Classifier, model: Model, optim: Optim) -> list[Phase]:
    """Returns a model's phases: one that trains everything, or the head and then the end of a pretrained backbone.

    BatchNormalization of a pretrained backbone stays frozen in every phase: the statistics of small batches would
    replace those that its weights were learned with. `model.batch_norm=trained` lets that happen, to study it.
    """
    normalizations = frozenset(
        name
        for name in classifier.backbone
        if isinstance(classifier.network.get_layer(name), keras.layers.BatchNormalization)
    )
    learned = model.batch_norm == "trained"
    freeze = classifier.pretrained if model.frozen is None else model.frozen
    if not freeze:
        frozen = normalizations if classifier.pretrained and not learned else frozenset()
        return [Phase("train", optim.epochs, optim.lr, frozen)]
    backbone = frozenset(classifier.backbone)
    phases = [Phase("head", optim.epochs, optim.lr, backbone - normalizations if learned else backbone)]
    unfrozen = round(model.fine_tune.fraction * len(classifier.backbone))
    if model.fine_tune.epochs and unfrozen:
        kept = frozenset(classifier.backbone[:-unfrozen])
        kept = kept - normalizations if learned else kept | normalizations
        phases.append(Phase("fine_tune", model.fine_tune.epochs, model.fine_tune.lr, kept))
    return phases


def enter(phase: Phase, network: keras.Model, dropout: dict[str, float]) -> None:
    """Makes exactly the phase's layers trainable.

    A frozen Dropout (EfficientNet's backbone has some) must not drop units either: inference mode
    applies to all of its layers.

    Args:
        dropout: the rate of each Dropout layer as the network was built.
    """
    for layer in network.layers:
        layer.trainable = layer.name not in phase.frozen
        if layer.name in dropout:
            layer.rate = dropout[layer.name] if layer.trainable else 0.0


def learning(network: keras.Model) -> list[keras.layers.Layer]:
    """Returns the layers that learn in the phase that was entered last."""
    return [layer for layer in network.layers if layer.trainable]


def dropout_rates(network: keras.Model) -> dict[str, float]:
    """Returns the rate of each Dropout layer, by name."""
    return {layer.name: layer.rate for layer in network.layers if isinstance(layer, keras.layers.Dropout)}
