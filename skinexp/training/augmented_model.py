"""The network as it is trained: augmentation runs in front of it, inside the compiled step."""

import keras

from skinexp.data.augment import Augmentation


class Trainee(keras.Model):
    """Passes training batches (images, draws) through the augmentation, and bare images straight to the network."""

    def __init__(self, network: keras.Model, augmentation: Augmentation):
        # float32 here, or mixed precision would round the draws; the network casts for itself.
        super().__init__(name="trainee", dtype="float32")
        self.augmentation = augmentation
        self.network = network

    def call(self, inputs, training=False):
        if isinstance(inputs, (tuple, list)):
            images, draws = inputs
            inputs = self.augmentation(images, draws)
        # Said, not left to the context, which Keras' trainer on JAX does not set.
        return self.network(inputs, training=training)
