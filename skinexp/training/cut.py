"""The cut of a network in two parts: nothing below the cut changes during a phase, everything that learns is above."""

import math

import keras

from skinexp.models import Classifier
from skinexp.training.phases import Phase


def find_cut_layer(phase: Phase, classifier: Classifier) -> str | None:
    """Returns the name of the highest layer through whose single output everything that learns sees the image.

    In a head phase that is the pooling layer; in fine-tuning the end of the last block that is frozen as a whole.

    Returns:
        None if nothing below is worth caching: there is no backbone, or it learns, even if only its BatchNormalization
        does.
    """
    layers = classifier.network.layers
    pixels = math.prod(classifier.network.input_shape[1:])
    last_use = {
        id(tensor): position for position, layer in enumerate(layers) for tensor in keras.tree.flatten(layer.input)
    }
    needed: set[int] = set()  # outputs so far that layers further up take
    found, holds_weights = None, False
    for position, layer in enumerate(layers[:-1]):
        if _changes(layer, phase):
            break
        holds_weights = holds_weights or bool(layer.weights)
        needed = {tensor for tensor in needed | {id(layer.output)} if last_use[tensor] > position}
        if len(needed) == 1 and holds_weights and math.prod(layer.output.shape[1:]) < pixels:
            found = layer.name  # to read more values than the image has would take longer than to compute them
    return found


def below(classifier: Classifier, layer: str) -> list[keras.layers.Layer]:
    """Returns the layers up to the cut, including the layer that it is named after."""
    layers = classifier.network.layers
    return layers[: [one.name for one in layers].index(layer) + 1]


class HeadModel(keras.Model):
    """The layers above a cut as a model of its own; to train it is to train the network that it belongs to."""

    def __init__(self, classifier: Classifier, layer: str):
        super().__init__(name="head_model")
        network = classifier.network
        self.above = network.layers[len(below(classifier, layer)) :]
        self._cut = id(network.get_layer(layer).output)

    def call(self, inputs, training=False):
        # Layer by layer: a keras.Function would repeat the mode in which the graph was drawn, which is inference.
        values = {self._cut: inputs}
        for layer in self.above:
            taken = keras.tree.map_structure(lambda tensor: values[id(tensor)], layer.input)
            values[id(layer.output)] = layer(taken, training=training)
        return values[id(self.above[-1].output)]


def _changes(layer: keras.layers.Layer, phase: Phase) -> bool:
    """Returns whether the layer's output for an image can differ between two epochs."""
    return layer.name not in phase.frozen and (bool(layer.weights) or isinstance(layer, keras.layers.Dropout))
