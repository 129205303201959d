"""The bytes that a training step cannot avoid moving through the device's memory, and therefore the time that it takes.

The floor supposes perfect fusion: only convolutions and dense layers read their input from memory and write their
output to it, once each; normalisation, activation, pooling, dropout and addition cost nothing. With `in` and `out` the
bytes of such a layer's input and output for a batch:

    forward                                                     in + out
    backward, where its own weights learn                       in + out    (input and the output's gradient are read)
    backward, where weights before it learn                     in          (its input's gradient is written)
                                                              + out         (unless read already)
    a learned parameter: its value and Adam's two moments       24          (float32, each read and written)
    a parameter that does not learn                             4
    a pixel on its way in: uint8 read, float written            3 x (1 + element)

A real step reads activations again for each operation that is not fused: measured time over this floor says how often.
"""

import math

import keras

MOVING = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense)


def bytes_a_step(network: keras.Model, batch_size: int, element: int = 2) -> int:
    """Bytes of one training step, forward and backward.

    Args:
        network: a graph whose layers come in the order of computation; `trainable` says which of them learn.
        element: bytes of a number in an activation: 2 for bfloat16.
    """
    total = batch_size * _numbers(network.inputs[0]) * (1 + element)
    something_learns = False  # of the layers before
    for layer in network.layers:
        if isinstance(layer, MOVING):
            read, written = (batch_size * element * _numbers(tensor) for tensor in (layer.input, layer.output))
            learns = bool(layer.trainable_weights)
            total += read + written
            total += read + written if learns else 0
            total += read if something_learns else 0
            total += written if something_learns and not learns else 0
        something_learns = something_learns or bool(layer.trainable_weights)
    learned = sum(math.prod(weight.shape) for weight in network.trainable_weights)
    resting = sum(math.prod(weight.shape) for weight in network.non_trainable_weights)
    return total + 24 * learned + 4 * resting


def _numbers(tensor: keras.KerasTensor) -> int:
    """Of one image."""
    return math.prod(tensor.shape[1:])
