"""A backbone of keras.applications under the seed study's head, as one flat graph for every source of weights."""

import logging

import keras
from keras import layers

from skinexp.config.schema import Model
from skinexp.models import weights
from skinexp.models.backbone_graphs import CONTRACTS, attach_backbone
from skinexp.models.classifier import FEATURES, Classifier

log = logging.getLogger(__name__)


def transfer(options: Model, size: int) -> Classifier:
    """Returns the network `options.name` for images of `size` pixels per side.

    Raises:
        UserError: if its weights cannot be had, or do not fit.
    """
    contract = CONTRACTS[options.name]
    pixels = keras.Input((size, size, 3), name="pixels")
    backbone = attach_backbone(contract, options.alpha, pixels, options.input_scaling)
    outer = {"pixels", "input_scaling", "input_layout"}
    names = tuple(layer.name for layer in backbone.layers if layer.name not in outer)

    x = layers.GlobalAveragePooling2D(name=FEATURES)(backbone.output)
    x = layers.Dropout(options.head.dropout, name="head_dropout")(x)
    x = layers.Dense(options.head.units, activation="relu", name="head_dense")(x)
    x = layers.Dropout(options.head.unit_dropout, name="head_unit_dropout")(x)
    logit = layers.Dense(1, dtype="float32", name="logit")(x)  # float32 also where the rest computes in bfloat16
    network = keras.Model(pixels, logit, name=options.name)

    if options.weights is None:
        log.info("Weights   %s", weights.describe_random(options.name, options.alpha))
        _set_momentum(network, options.batch_norm_momentum)
    else:
        weights.load(options.weights, contract, options.alpha, backbone)
    return Classifier(network, names, contract.last_convolution, pretrained=options.weights is not None)


def _set_momentum(network: keras.Model, momentum: float) -> None:
    """Running statistics forget their start at momentum^steps: Keras' .999 outlasts a short training."""
    for layer in network.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = momentum
