"""Where a network keeps the channels of what it computes: last or first, as Keras was set to before it was built."""

import keras


def channels_first() -> bool:
    """Whether Keras was set to keep channels before height and width."""
    return keras.config.image_data_format() == "channels_first"


def channel_axis() -> int:
    """The axis of a batch that channels are on."""
    return 1 if channels_first() else -1


def image_shape(size: int) -> tuple[int, int, int]:
    """The shape of one image of `size` pixels a side."""
    return (3, size, size) if channels_first() else (size, size, 3)


def arrange(images: keras.KerasTensor) -> keras.KerasTensor:
    """Images that come with their channels last, in the network's layout."""
    return keras.layers.Permute((3, 1, 2), name="input_layout")(images) if channels_first() else images
