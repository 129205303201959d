"""The lower part of a network, up to one activation, for layers that do not learn."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

Extractor = Callable[[Any], np.ndarray]


def extractor(network: keras.Model, layer: str) -> Extractor:
    """Returns a function that computes a layer's activation in inference mode, with the weights of now.

    Returns:
        A function from (n, size, size, 3) pixels in 0..255, of the backend's type or NumPy's, to (n, ...) float32.
    """
    # A Function: a Model that ends inside a graph would add nodes to its layers.
    function = keras.Function(network.inputs[0], network.get_layer(layer).output)
    if keras.backend.backend() == "tensorflow":
        compiled = _as_constants(function, network.inputs[0].shape)
        return lambda pixels: np.asarray(compiled(pixels), np.float32)
    model = CompiledGraph(function, network)
    return lambda pixels: np.asarray(model.predict_on_batch(pixels), np.float32)


class CompiledGraph(keras.Model):
    """A function of a network's graph as a model that the backend compiles; the graph gets no new nodes from it."""

    def __init__(self, function: keras.Function, network: keras.Model):
        super().__init__(name="extractor", dtype="float32")
        self.jit_compile = network.jit_compile
        self.network = network  # whose variables the function uses
        self._function = function

    def call(self, inputs):
        return self._function(inputs)


def _as_constants(function: keras.Function, shape: tuple[int | None, ...]) -> Callable[[Any], Any]:
    """Returns a function whose weights are constants: TensorFlow then folds normalizations into convolutions.

    benchmarks/frozen_layers.py measures how much that saves on a CPU.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    signature = tf.TensorSpec(shape, tf.float32)
    variable = tf.function(lambda pixels: function(pixels)).get_concrete_function(signature)
    constant = convert_variables_to_constants_v2(variable)
    return lambda pixels: constant(tf.cast(pixels, tf.float32))[0]
