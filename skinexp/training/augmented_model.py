"""The network as it is trained: augmentation runs before it, inside the compiled step."""

import keras

from skinexp.data.augment import Augmentation


class AugmentedModel(keras.Model):
    """A model that augments training batches (images, draws), and passes bare images straight to the network."""

    def __init__(self, network: keras.Model, augmentation: Augmentation):
        # float32 here, or mixed precision would round the draws; the network casts for itself.
        super().__init__(name="augmented_model", dtype="float32")
        self.augmentation = augmentation
        self.network = network

    def call(self, inputs, training=False):
        if isinstance(inputs, (tuple, list)):
            images, draws = inputs
            inputs = self.augmentation(images, draws)
        # Passed on explicitly: Keras' trainer on JAX does not set the context.
        return self.network(inputs, training=training)
