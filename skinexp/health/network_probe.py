"""A network under examination: the outputs of its layers, its loss and the loss's gradient. It is left unchanged.

Every call runs in a `keras.StatelessScope`: weights can be passed in, and updates of the call (the statistics of
BatchNormalization, seeds) are discarded.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import numpy as np
from keras import ops

from skinexp.models.channel_layout import channel_axis
from skinexp.models.classifier import FEATURES
from skinexp.models.gradients import compiled, pullback
from skinexp.training import phases

RECTIFIED = ("relu", "relu6")
Kernels = dict[str, np.ndarray]  # by the path of the variable, such as block1_conv1/kernel


@dataclass(frozen=True)
class LayerOutputs:
    """The outputs of a network for some images.

    Attributes:
        logits: (n,).
        features: (n, c) pooled features.
        largest: for each rectified layer, by its name, the largest activation of each unit (units,) over all images
            and positions.
    """

    logits: np.ndarray
    features: np.ndarray
    largest: dict[str, np.ndarray]


@dataclass(frozen=True)
class LossGradient:
    """A loss in nats, and its gradient for each array of weights, which is computed at its first use."""

    loss: float
    _pull: Callable[[], list[Any]]

    @cached_property
    def gradients(self) -> list[Any]:
        """One tensor for each array of weights."""
        return self._pull()


@contextmanager
def without_dropout(network: keras.Model) -> Iterator[None]:
    """Sets the rate of every Dropout layer to 0 inside the `with` block, so that calls are reproducible."""
    rates = phases.dropout_rates(network)
    try:
        for name in rates:
            network.get_layer(name).rate = 0.0
        yield
    finally:
        for name, rate in rates.items():
            network.get_layer(name).rate = rate


class NetworkProbe:
    """A network, or the part of it above a cut, whose outputs and gradients can be examined."""

    def __init__(self, network: keras.Model, layer: str | None = None, reuse_graph: bool = False):
        """
        Args:
            network: the network; it is not changed.
            layer: the layer where the network is cut: inputs are its activations. None: inputs are pixels.
            reuse_graph: whether inference runs often enough for tracing a graph to pay off.
        """
        self.network, self._reuse_graph = network, reuse_graph
        names = [one.name for one in network.layers]
        self._layers = network.layers[names.index(layer) + 1 if layer else 1 :]
        self._cut = network.get_layer(layer).output if layer else network.inputs[0]
        self._state = [variable for one in self._layers for variable in one.variables]
        self._functions: dict[Any, Callable[..., Any]] = {}  # compiled, by what they compute

    @property
    def variables(self) -> list[keras.Variable]:
        """The variables that are trained in the current phase."""
        return [variable for one in self._layers if one.trainable for variable in one.trainable_weights]

    def kernels(self, values: Sequence[Any] | None = None) -> Kernels:
        """Returns the trained variables of two or more dimensions: without biases and the like, which start at 0.

        Args:
            values: arrays to return instead of the variables' own values, one for each of `variables`.
        """
        arrays = self.variables if values is None else values
        return {
            variable.path: keras.ops.convert_to_numpy(array)
            for variable, array in zip(self.variables, arrays, strict=True)
            if len(variable.shape) > 1
        }

    def probe(self, inputs: np.ndarray, training: bool = False) -> LayerOutputs:
        """Returns the outputs of the layers.

        Args:
            inputs: (n, ...) pixels, or activations at the cut.
            training: whether BatchNormalization layers that are trained use the statistics of these inputs.
        """
        rectified = {one.name for one in self._layers if _is_rectified(one)}

        def outputs(values: Any) -> dict[str, Any]:
            largest: dict[str, Any] = {}
            features = values  # if the cut is at the features
            for one, output in self.walk(values, training):
                if one.name in rectified:
                    largest[one.name] = ops.max(output, axis=_all_but_channels(one, output))
                if one.name == FEATURES:
                    features = output
            return {"largest": largest, "features": features, "logits": output[:, 0]}

        found = self._run(("outputs", training), outputs, inputs, self._reuse_graph and not training)
        return LayerOutputs(**keras.tree.map_structure(_array, found))

    def activation(self, inputs: np.ndarray, layer: str) -> np.ndarray:
        """Returns the (n, ...) float32 activation of a layer in inference mode."""

        def output_of_layer(values: Any) -> Any:
            return next(output for one, output in self.walk(values, training=False) if one.name == layer)

        return _array(self._run(layer, output_of_layer, inputs))

    def loss_function(self, inputs: np.ndarray, labels: np.ndarray) -> "LossFunction":
        """Returns the loss of these images as a function of the trained variables, with its gradient."""
        return LossFunction(self, inputs, labels)

    def walk(self, inputs: Any, training: bool) -> Iterator[tuple[keras.layers.Layer, Any]]:
        """Yields each layer with its output, from input to output; outputs are released after their last use."""
        values = {id(self._cut): inputs}
        last = {id(tensor): one for one in self._layers for tensor in keras.tree.flatten(one.input)}
        for one in self._layers:
            taken = keras.tree.map_structure(lambda tensor: values[id(tensor)], one.input)
            values[id(one.output)] = one(taken, training=training)
            yield one, values[id(one.output)]
            for tensor in keras.tree.flatten(one.input):
                if last[id(tensor)] is one:
                    values.pop(id(tensor), None)

    def _run(self, key: Any, function: Callable[[Any], Any], inputs: np.ndarray, as_graph: bool = False) -> Any:
        """Calls a function with the current weights as arguments, so that it is compiled only once.

        Args:
            key: under which the compiled function is kept.
            function: takes (n, ...) inputs and returns tensors.
            inputs: (n, ...).
            as_graph: whether the function is traced for any number of inputs.
        """

        def with_state(state: list[Any], values: Any) -> Any:
            with keras.StatelessScope(state_mapping=list(zip(self._state, state, strict=True))):
                return function(values)

        state = [ops.convert_to_tensor(variable.value) for variable in self._state]
        values = ops.convert_to_tensor(np.asarray(inputs, np.float32))
        with without_dropout(self.network):
            if key not in self._functions:
                self._functions[key] = _graph(with_state, state, values) if as_graph else compiled(with_state)
            return self._functions[key](state, values)


class LossFunction:
    """The loss of a few images in training mode, without dropout, as a function of the trained variables."""

    def __init__(self, probe: NetworkProbe, inputs: np.ndarray, labels: np.ndarray):
        """
        Args:
            probe: the network, or the part of it that sees the inputs.
            inputs: (n, ...) pixels, or activations at the cut.
            labels: (n,) 0/1.
        """
        self._inputs = ops.convert_to_tensor(np.asarray(inputs, np.float32))
        self._labels = ops.convert_to_tensor(np.asarray(labels, np.float32).reshape(-1, 1))
        self._probe = probe
        self._evaluate = pullback(self._loss)

    def __call__(self, weights: Sequence[Any]) -> LossGradient:
        """Returns the loss and its gradient at these weights, one array for each trained variable."""
        with without_dropout(self._probe.network):
            loss, pull = self._evaluate(list(weights))
        return LossGradient(float(_array(loss)), pull)

    def _loss(self, weights: list[Any]) -> Any:
        with keras.StatelessScope(state_mapping=list(zip(self._probe.variables, weights, strict=True))):
            *_, (_, logits) = self._probe.walk(self._inputs, training=True)
            return ops.mean(keras.losses.binary_crossentropy(self._labels, logits, from_logits=True))


def _is_rectified(layer: keras.layers.Layer) -> bool:
    """Returns whether a layer ends in a rectifier, whose output is 0 if a unit is dead."""
    activation = getattr(layer, "activation", None)
    return isinstance(layer, keras.layers.ReLU) or getattr(activation, "__name__", "") in RECTIFIED


def _all_but_channels(layer: keras.layers.Layer, output: Any) -> tuple[int, ...]:
    channels = (channel_axis() if len(output.shape) == 4 else -1) % len(output.shape)
    return tuple(axis for axis in range(len(output.shape)) if axis != channels)


def _array(tensor: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(ops.cast(tensor, "float32")))


def _graph(function: Callable[..., Any], state: list[Any], values: Any) -> Callable[..., Any]:
    """Returns the function as a TensorFlow graph for any number of images; on other backends as `compiled` does.

    Tracing the graph costs as much as a few calls.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        weights = [tf.TensorSpec(array.shape, array.dtype) for array in state]
        images = tf.TensorSpec((None, *values.shape[1:]), values.dtype)
        # Concrete: TensorFlow warns of functions that are traced again and again, as in a process that trains often.
        return tf.function(function, input_signature=[weights, images], autograph=False).get_concrete_function()
    return compiled(function)
