"""A network, with the names of its parts, which training and explanation need."""

import math
from dataclasses import dataclass

import keras

FEATURES = "features"  # name of the layer that pools the last activation; the layers after it are the head


@dataclass(frozen=True)
class Classifier:
    """One flat functional graph from pixels 0..255 to one logit.

    Attributes:
        network: the graph: (n, size, size, 3) pixels in, (n, 1) logits out.
        backbone: names of the backbone's layers from input to output; empty for a network without one.
        last_convolution: name of the last convolutional activation, which Grad-CAM explains.
        pretrained: whether the backbone has pretrained weights.
    """

    network: keras.Model
    backbone: tuple[str, ...]
    last_convolution: str
    pretrained: bool

    @property
    def parameters(self) -> int:
        return self.network.count_params()

    @property
    def trainable_parameters(self) -> int:
        """Number of parameters that the phase that was entered last trains."""
        return sum(math.prod(weight.shape) for weight in self.network.trainable_weights)
