"""Where a phase allows a network to be cut in two: nothing below the cut changes, everything that learns is above."""

import math

import keras

from skinexp.models import Classifier
from skinexp.training.phases import Phase


def find(phase: Phase, classifier: Classifier) -> str | None:
    """Name of the highest layer through whose one output all that learns sees the image.

    In a head phase that is the pooling layer; in fine-tuning the end of the last block that is frozen as a whole.

    Returns:
        None where nothing worth keeping lies below: the backbone learns, be it only its BatchNormalization, or there is
        none.
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
            found = layer.name  # more values than the image has would take longer to read than to compute
    return found


def below(classifier: Classifier, layer: str) -> list[keras.layers.Layer]:
    """The layers up to the cut, with the one that it is named after."""
    layers = classifier.network.layers
    return layers[: [one.name for one in layers].index(layer) + 1]


class Top(keras.Model):
    """What lies above a cut, as a model of its own; training it trains the network that it belongs to."""

    def __init__(self, classifier: Classifier, layer: str):
        super().__init__(name="top")
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
    """Whether two epochs could get different answers from it."""
    return layer.name not in phase.frozen and (bool(layer.weights) or isinstance(layer, keras.layers.Dropout))
