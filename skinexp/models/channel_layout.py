"""The layout of a network's activations: channels last or first, as Keras was set before it was built."""

import keras


def channels_first() -> bool:
    """Returns whether Keras was set to keep channels before height and width."""
    return keras.config.image_data_format() == "channels_first"


def channel_axis() -> int:
    """Returns the axis of the channels in a batch."""
    return 1 if channels_first() else -1


def image_shape(size: int) -> tuple[int, int, int]:
    """Returns the shape of one image of `size` pixels per side."""
    return (3, size, size) if channels_first() else (size, size, 3)


def arrange(images: keras.KerasTensor) -> keras.KerasTensor:
    """Returns images, whose channels come last, in the network's layout."""
    return keras.layers.Permute((3, 1, 2), name="input_layout")(images) if channels_first() else images
