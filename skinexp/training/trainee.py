"""The network as it is trained: augmentation runs in front of it, inside the compiled step."""

from collections.abc import Callable
from typing import Any

import keras

from skinexp.data.augment import Augmentation


class Trainee(keras.Model):
    """Passes training batches (images, draws) through the augmentation, and bare images straight to the network."""

    def __init__(
        self, network: keras.Model, augmentation: Augmentation | None, function: Callable[..., Any] | None = None
    ):
        """
        Args:
            augmentation: None where only bare images come.
            function: what is computed instead of the whole network: a part of it.
        """
        # float32 here, or mixed precision would round the draws; the network casts for itself.
        super().__init__(name="trainee", dtype="float32")
        self.augmentation = augmentation
        self.network = network
        self._function = function or network

    def call(self, inputs, training=False):
        if isinstance(inputs, (tuple, list)):
            images, draws = inputs
            inputs = self.augmentation(images, draws)
        return self._function(inputs)  # layers within know from the context whether they train
