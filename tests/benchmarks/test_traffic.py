"""The floor of memory traffic, against a network small enough to add up by hand."""

import keras
import traffic
from keras import layers

# Numbers of one image: 8x8x3 = 192 in, 4x4x2 = 32 after the convolution, 2 after pooling, 1 logit.
# Parameters: 3*3*3*2 + 2 = 56 of the convolution, 8 of the normalisation (4 learned), 2 + 1 = 3 of the dense layer.
FORWARD = (192 + 32) + (2 + 1)


def network():
    pixels = keras.Input((8, 8, 3))
    x = layers.Conv2D(2, 3, strides=2, padding="same", name="convolution")(pixels)
    x = layers.BatchNormalization()(x)
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(x))
    return keras.Model(pixels, layers.Dense(1)(x))


def test_a_network_that_learns_everything_reads_and_writes_all_of_it_twice_and_the_gradients_between():
    pixels = 192 * (1 + 2)
    backward = (192 + 32) + (2 + 1) + 2  # the convolution's input needs no gradient, the dense layer's does
    parameters = 24 * (56 + 4 + 3) + 4 * 4
    assert traffic.bytes_a_step(network(), 10, element=2) == 10 * (pixels + 2 * (FORWARD + backward)) + parameters


def test_below_what_learns_nothing_goes_backward():
    model = network()
    for layer in model.layers[:-1]:
        layer.trainable = False
    backward = 2 + 1
    parameters = 24 * 3 + 4 * (56 + 8)
    assert traffic.bytes_a_step(model, 1, element=4) == 192 * 5 + 4 * (FORWARD + backward) + parameters


def test_a_layer_that_rests_above_one_that_learns_passes_gradients_on():
    model = network()
    model.layers[-1].trainable = False
    backward = (192 + 32) + (1 + 2)
    parameters = 24 * (56 + 4) + 4 * (4 + 3)
    assert traffic.bytes_a_step(model, 1, element=2) == 192 * 3 + 2 * (FORWARD + backward) + parameters
