"""From pixels 0..255 to the range that a network expects, as the first layers of its graph."""

import keras
import numpy as np

from skinexp.contracts.scalings import SCALINGS
from skinexp.models.channel_layout import arrange

__all__ = ["LAYER", "SCALINGS", "scale_pixels"]

LAYER = "input_scaling"  # name of the layer that ends the scaling


def scale_pixels(pixels: keras.KerasTensor, wanted: str, contract: str) -> keras.KerasTensor:
    """Returns pixels scaled as the contract asks, or as `wanted` instead: contracts are broken to study the effect.

    Args:
        pixels: (n, size, size, 3) RGB pixels in 0..255.
        wanted: `contract`, or a key of `SCALINGS`.
        contract: the contract's scaling, a key of `SCALINGS`.
    """
    scaling = SCALINGS[contract if wanted == "contract" else wanted]
    if scaling.uniform:
        layer = keras.layers.Rescaling(scaling.scale[0], scaling.offset[0], name=LAYER)
    else:  # Rescaling by channel depends on the layout that Keras is set to when the model is loaded
        scale, offset = np.array(scaling.scale), np.array(scaling.offset)
        mean, variance = (-offset / scale).tolist(), (scale**-2).tolist()
        layer = keras.layers.Normalization(axis=-1, mean=mean, variance=variance, name=LAYER)
    channels = keras.ops.flip(pixels, axis=-1) if scaling.bgr else pixels
    return arrange(layer(channels))
