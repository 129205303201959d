"""From pixels 0..255 to the range that a network expects, as the first layers of its graph."""

import keras

from skinexp.models.channel_layout import arrange

SCALINGS = {
    "unit": {"scale": 1 / 255, "offset": 0.0},  # 0..1
    "tf": {"scale": 1 / 127.5, "offset": -1.0},  # -1..1
    "byte": {"scale": 1.0, "offset": 0.0},  # 0..255, as they come
}


def scale_pixels(pixels: keras.KerasTensor, wanted: str, contract: str) -> keras.KerasTensor:
    """Scales pixels as the contract says, or as `wanted` instead: contracts are broken to study what that does."""
    scaling = SCALINGS[contract if wanted == "contract" else wanted]
    return arrange(keras.layers.Rescaling(**scaling, name="input_scaling")(pixels))
