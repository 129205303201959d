"""Questions to a network: what its layers answer, and which way its loss falls. Asking leaves the network as it was.

Everything runs in a `keras.StatelessScope`: weights can be lent, and what a call would write (statistics of
BatchNormalization, seeds) is forgotten.
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
class Answers:
    """What a network says of some images.

    Attributes:
        logits: (n,).
        features: (n, c) pooled features.
        largest: of each rectified layer that was asked the largest activation of each unit (units,), by its name.
    """

    logits: np.ndarray
    features: np.ndarray
    largest: dict[str, np.ndarray]


@dataclass(frozen=True)
class Slope:
    """A loss in nats, and its gradient with respect to each array of weights, computed when it is asked for."""

    loss: float
    _pull: Callable[[], list[Any]]

    @cached_property
    def gradients(self) -> list[Any]:
        return self._pull()


@contextmanager
def without_dropout(network: keras.Model) -> Iterator[None]:
    """Inside, no Dropout drops: what differs between two calls is the question's doing."""
    rates = phases.dropout_rates(network)
    try:
        for name in rates:
            network.get_layer(name).rate = 0.0
        yield
    finally:
        for name, rate in rates.items():
            network.get_layer(name).rate = rate


class Questions:
    """A network, or the part of it above a cut, that can be asked."""

    def __init__(self, network: keras.Model, layer: str | None = None, often: bool = False):
        """
        Args:
            layer: where the network is cut; inputs are then this layer's activations. None: inputs are pixels.
            often: whether it will be asked for answers in inference mode again and again, so that a graph pays.
        """
        self.network, self._often = network, often
        names = [one.name for one in network.layers]
        self._layers = network.layers[names.index(layer) + 1 if layer else 1 :]
        self._cut = network.get_layer(layer).output if layer else network.inputs[0]
        self._state = [variable for one in self._layers for variable in one.variables]
        self._asked: dict[Any, Callable[..., Any]] = {}  # questions that were asked before, compiled

    @property
    def variables(self) -> list[keras.Variable]:
        """What learns, in the phase that was entered last."""
        return [variable for one in self._layers if one.trainable for variable in one.trainable_weights]

    def kernels(self, values: Sequence[Any] | None = None) -> Kernels:
        """What learns, less biases and the like, which begin at 0.

        Args:
            values: arrays in the place of the variables' own, one for each of `variables`.
        """
        arrays = self.variables if values is None else values
        return {
            variable.path: keras.ops.convert_to_numpy(array)
            for variable, array in zip(self.variables, arrays, strict=True)
            if len(variable.shape) > 1
        }

    def answers(self, inputs: np.ndarray, training: bool = False) -> Answers:
        """Asks in inference mode, or with the statistics of these very images where BatchNormalization learns."""
        rectified = {one.name for one in self._layers if _is_rectified(one)}

        def ask(values: Any) -> dict[str, Any]:
            largest: dict[str, Any] = {}
            features = values  # where the cut is there
            for one, output in self.walk(values, training):
                if one.name in rectified:
                    largest[one.name] = ops.max(output, axis=_all_but_channels(one, output))
                if one.name == FEATURES:
                    features = output
            return {"largest": largest, "features": features, "logits": output[:, 0]}

        asked = self._ask(("answers", training), ask, inputs, self._often and not training)
        return Answers(**keras.tree.map_structure(_array, asked))

    def activation(self, inputs: np.ndarray, layer: str) -> np.ndarray:
        """(n, ...) float32 activation of a layer, in inference mode."""

        def ask(values: Any) -> Any:
            return next(output for one, output in self.walk(values, training=False) if one.name == layer)

        return _array(self._ask(layer, ask, inputs))

    def _ask(self, name: Any, ask: Callable[[Any], Any], inputs: np.ndarray, often: bool = False) -> Any:
        """Asks with the weights of now, lent: what was compiled for a question serves when they have changed."""

        def lent(state: list[Any], values: Any) -> Any:
            with keras.StatelessScope(state_mapping=list(zip(self._state, state, strict=True))):
                return ask(values)

        state = [ops.convert_to_tensor(variable.value) for variable in self._state]
        values = ops.convert_to_tensor(np.asarray(inputs, np.float32))
        with without_dropout(self.network):
            if name not in self._asked:
                self._asked[name] = _graph(lent, state, values) if often else compiled(lent)
            return self._asked[name](state, values)

    def descent(self, inputs: np.ndarray, labels: np.ndarray) -> "Descent":
        """The loss of these images as a function of what learns, with its gradient."""
        return Descent(self, inputs, labels)

    def walk(self, inputs: Any, training: bool) -> Iterator[tuple[keras.layers.Layer, Any]]:
        """Each layer with its output, from input to output; outputs that nothing needs any more are let go."""
        values = {id(self._cut): inputs}
        last = {id(tensor): one for one in self._layers for tensor in keras.tree.flatten(one.input)}
        for one in self._layers:
            taken = keras.tree.map_structure(lambda tensor: values[id(tensor)], one.input)
            values[id(one.output)] = one(taken, training=training)
            yield one, values[id(one.output)]
            for tensor in keras.tree.flatten(one.input):
                if last[id(tensor)] is one:
                    values.pop(id(tensor), None)


class Descent:
    """The loss of a few images in training mode, without dropout, as a function of the weights that learn."""

    def __init__(self, questions: Questions, inputs: np.ndarray, labels: np.ndarray):
        self._inputs = ops.convert_to_tensor(np.asarray(inputs, np.float32))
        self._labels = ops.convert_to_tensor(np.asarray(labels, np.float32).reshape(-1, 1))
        self._questions = questions
        self._evaluate = pullback(self._loss)

    def __call__(self, weights: Sequence[Any]) -> Slope:
        with without_dropout(self._questions.network):
            loss, pull = self._evaluate(list(weights))
        return Slope(float(_array(loss)), pull)

    def _loss(self, weights: list[Any]) -> Any:
        with keras.StatelessScope(state_mapping=list(zip(self._questions.variables, weights, strict=True))):
            *_, (_, logits) = self._questions.walk(self._inputs, training=True)
            return ops.mean(keras.losses.binary_crossentropy(self._labels, logits, from_logits=True))


def _is_rectified(layer: keras.layers.Layer) -> bool:
    """Whether a layer's last step is a rectifier, which answers 0 where a unit is dead."""
    activation = getattr(layer, "activation", None)
    return isinstance(layer, keras.layers.ReLU) or getattr(activation, "__name__", "") in RECTIFIED


def _all_but_channels(layer: keras.layers.Layer, output: Any) -> tuple[int, ...]:
    channels = (channel_axis() if len(output.shape) == 4 else -1) % len(output.shape)
    return tuple(axis for axis in range(len(output.shape)) if axis != channels)


def _array(tensor: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(ops.cast(tensor, "float32")))


def _graph(function: Callable[..., Any], state: list[Any], values: Any) -> Callable[..., Any]:
    """On TensorFlow a graph for any number of images, which costs as much as a few calls; elsewhere as `compiled`."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        weights = [tf.TensorSpec(array.shape, array.dtype) for array in state]
        images = tf.TensorSpec((None, *values.shape[1:]), values.dtype)
        # Concrete: TensorFlow warns of functions that are drawn again and again, as in a process that trains often.
        return tf.function(function, input_signature=[weights, images], autograph=False).get_concrete_function()
    return compiled(function)
