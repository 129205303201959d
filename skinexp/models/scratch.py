"""The scratch CNN of the seed study: four convolution blocks, global average pooling, one dense layer."""

import logging

import keras
from keras import layers

from skinexp.config.schema import Model
from skinexp.contracts.backbones import SCRATCH_SCALING
from skinexp.models.channel_layout import channel_axis
from skinexp.models.classifier import FEATURES, Classifier
from skinexp.models.scaling import scale_pixels

log = logging.getLogger(__name__)

BLOCKS = (  # filters of each block's convolutions, and the dropout that ends it
    ((32, 32), 0.25),
    ((64, 64), 0.25),
    ((128, 128), 0.30),
    ((256,), 0.35),
)
LAST_ACTIVATION = "block4_relu1"


def scratch(options: Model, size: int) -> Classifier:
    """Returns the CNN: 618,017 parameters, 616,609 of them trainable."""
    if options.weights is not None:
        log.info("Weights   random: the scratch CNN has no pretrained weights")
    pixels = keras.Input((size, size, 3), name="pixels")
    x = scale_pixels(pixels, options.input_scaling, SCRATCH_SCALING)
    for number, (filters, dropout) in enumerate(BLOCKS, start=1):
        for position, width in enumerate(filters, start=1):
            x = layers.Conv2D(width, 3, padding="same", name=f"block{number}_conv{position}")(x)
            x = layers.BatchNormalization(
                axis=channel_axis(), momentum=options.batch_norm_momentum, name=f"block{number}_bn{position}"
            )(x)
            x = layers.ReLU(name=f"block{number}_relu{position}")(x)
        x = layers.MaxPooling2D(2, name=f"block{number}_pool")(x)
        x = layers.Dropout(dropout, name=f"block{number}_dropout")(x)
    x = layers.GlobalAveragePooling2D(name=FEATURES)(x)
    x = layers.Dense(128, activation="relu", name="head_dense")(x)
    x = layers.Dropout(0.5, name="head_unit_dropout")(x)
    logit = layers.Dense(1, dtype="float32", name="logit")(x)  # float32 also where the rest computes in bfloat16
    return Classifier(keras.Model(pixels, logit, name="scratch"), (), LAST_ACTIVATION, pretrained=False)
