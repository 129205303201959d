"""Grad-CAM against networks small enough that their maps follow from algebra."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from skinexp.explain.class_activation import class_activation_maps
from skinexp.explain.methods.gradcam import mean_gradients

SIZE = 12
KERNEL = np.array([[1.0, -0.5], [0.2, 0.3], [-0.4, 0.1]]) / 255  # of a 1x1 convolution: colours to two channels
WEIGHTS = np.array([2.0, -3.0])  # of the logit
BIAS = 0.7


def gradcam(model, layer, images, target, channel_weights=mean_gradients) -> np.ndarray:
    return class_activation_maps(model, layer, images, target, channel_weights)


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, SIZE, SIZE, 3), dtype=np.uint8)


def network(
    stride: int = 1, kernel: np.ndarray = KERNEL, weights: np.ndarray = WEIGHTS, layout: str = "channels_last"
) -> keras.Model:
    """1x1 convolution, global average pooling, one dense unit."""
    pixels = keras.Input((SIZE, SIZE, 3))
    x = layers.Permute((3, 1, 2))(pixels) if layout == "channels_first" else pixels
    x = layers.Conv2D(2, 1, strides=stride, data_format=layout, name="convolution")(x)
    x = layers.Dropout(0.9)(layers.GlobalAveragePooling2D(data_format=layout)(x))
    model = keras.Model(pixels, layers.Dense(1, name="logit")(x))
    model.get_layer("convolution").set_weights([kernel[None, None], np.zeros(2)])
    model.get_layer("logit").set_weights([weights[:, None], np.array([BIAS])])
    return model


def evidence(images: np.ndarray, stride: int = 1) -> np.ndarray:
    """Grad-CAM before its negative part is cut off: d logit / d channel is weight / positions everywhere."""
    activations = images[:, ::stride, ::stride] @ KERNEL
    return activations @ WEIGHTS / activations[0, ..., 0].size


def test_a_worked_example_with_channels_first_has_the_same_map(images):
    first = network(layout="channels_first")
    try:
        first(images)
    except Exception as error:  # whatever a backend has for what it cannot do
        pytest.skip(f"this backend has no such convolution here: {error}")
    maps = gradcam(first, "convolution", images, np.ones(len(images)))
    np.testing.assert_allclose(maps, np.maximum(evidence(images), 0), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_worked_example_has_the_map_that_algebra_gives(images, sign):
    maps = gradcam(network(), "convolution", images, np.full(len(images), sign))
    assert maps.dtype == np.float32
    np.testing.assert_allclose(maps, np.maximum(sign * evidence(images), 0), rtol=1e-4, atol=1e-7)


def test_a_worked_coarse_map_is_interpolated_to_the_images_size(images):
    maps = gradcam(network(stride=4), "convolution", images, np.ones(len(images)))
    coarse = np.maximum(evidence(images, stride=4), 0)[..., None]
    expected = ops.convert_to_numpy(ops.image.resize(coarse, (SIZE, SIZE), interpolation="bilinear"))[..., 0]
    np.testing.assert_allclose(maps, expected, rtol=1e-4, atol=1e-7)


def test_a_worked_example_whose_gradient_differs_by_position_uses_the_gradients_mean(images):
    pixels = keras.Input((SIZE, SIZE, 3))
    x = layers.Conv2D(2, 1, name="convolution")(pixels)
    model = keras.Model(pixels, layers.Dense(1, name="logit")(layers.Flatten()(x)))
    by_position = np.random.default_rng(1).normal(size=(SIZE, SIZE, 2))
    model.get_layer("convolution").set_weights([KERNEL[None, None], np.zeros(2)])
    model.get_layer("logit").set_weights([by_position.reshape(-1, 1), np.zeros(1)])
    maps = gradcam(model, "convolution", images, np.ones(len(images)))
    expected = np.maximum(images @ KERNEL @ by_position.mean(axis=(0, 1)), 0)
    np.testing.assert_allclose(maps, expected, rtol=1e-3, atol=1e-5)


def test_what_speaks_for_and_against_sums_to_the_logit_without_its_bias(images):
    model = network()
    for_malignant, for_benign = (gradcam(model, "convolution", images, np.full(len(images), sign)) for sign in (1, -1))
    logits = model.predict(images, verbose=0)[:, 0]
    np.testing.assert_allclose((for_malignant - for_benign).sum(axis=(1, 2)), logits - BIAS, rtol=1e-4, atol=1e-5)


def test_each_image_is_explained_by_its_own_sign(images):
    signs = np.array([1, -1, -1, 1, -1])
    maps = gradcam(network(), "convolution", images, signs)
    np.testing.assert_allclose(maps, np.maximum(signs[:, None, None] * evidence(images), 0), rtol=1e-4, atol=1e-7)


def test_a_map_without_evidence_is_zero_everywhere(images):
    only_against = network(kernel=np.abs(KERNEL), weights=-np.abs(WEIGHTS))
    assert not gradcam(only_against, "convolution", images, np.ones(len(images))).any()
    assert gradcam(only_against, "convolution", images, -np.ones(len(images))).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_a_network_that_answers_the_same_for_every_image_has_no_evidence(images, sign):
    constant = network(weights=np.zeros(2))
    assert not gradcam(constant, "convolution", images, np.full(len(images), sign)).any()


def test_more_images_than_a_batch_are_explained_as_one_by_one():
    images = np.random.default_rng(2).integers(0, 256, (70, SIZE, SIZE, 3), dtype=np.uint8)
    maps = gradcam(network(), "convolution", images, np.ones(70))
    np.testing.assert_allclose(maps, np.maximum(evidence(images), 0), rtol=1e-4, atol=1e-7)


def test_no_images_have_no_maps():
    maps = gradcam(network(), "convolution", np.empty((0, SIZE, SIZE, 3)), np.empty(0))
    assert maps.shape == (0, SIZE, SIZE)


def test_other_weights_of_the_channels_make_another_class_activation_map(images):
    def first_channel(activations: np.ndarray, gradients: np.ndarray) -> np.ndarray:
        return np.tile([1.0, 0.0], (len(activations), 1))

    maps = gradcam(network(), "convolution", images, np.ones(len(images)), channel_weights=first_channel)
    np.testing.assert_allclose(maps, np.maximum(images @ KERNEL[:, 0], 0), rtol=1e-4, atol=1e-6)


def test_the_network_is_left_as_it_was(images):
    model = network()
    model.get_layer("convolution").trainable = False
    config, weights = model.to_json(), model.get_weights()
    for _ in range(3):
        gradcam(model, "convolution", images, np.ones(len(images)))
    assert model.to_json() == config
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    # A layer that was wired into a second graph has no single output any more.
    assert [layer.output.shape[0] for layer in model.layers] == [None] * len(model.layers)


def test_targets_other_than_plus_and_minus_one_are_refused(images):
    with pytest.raises(ValueError, match=r"targets must be \+1 or -1.*Received: \[0\."):
        gradcam(network(), "convolution", images, np.zeros(len(images)))
    with pytest.raises(ValueError, match="one for each of the 5 images"):
        gradcam(network(), "convolution", images, np.ones(3))


def test_a_layer_without_positions_is_refused_by_name(images):
    with pytest.raises(ValueError, match="Received: logit"):
        gradcam(network(), "logit", images, np.ones(len(images)))


def test_a_network_that_diverged_is_refused_rather_than_drawn(images):
    with pytest.raises(ValueError, match="not finite"):
        gradcam(network(weights=np.array([np.nan, 1.0])), "convolution", images, np.ones(len(images)))


def test_a_flat_mobilenet_is_explained_at_its_last_convolution():
    keras.utils.set_random_seed(0)
    pixels = keras.Input((96, 96, 3))
    scaled = layers.Rescaling(1 / 127.5, offset=-1.0)(pixels)
    backbone = keras.applications.MobileNetV2(
        input_tensor=scaled, input_shape=(96, 96, 3), include_top=False, weights=None, alpha=0.35
    )
    features = layers.GlobalAveragePooling2D()(backbone.output)
    model = keras.Model(pixels, layers.Dense(1)(features))
    images = np.random.default_rng(0).integers(0, 256, (3, 96, 96, 3), dtype=np.uint8)
    for_malignant, for_benign = (gradcam(model, "out_relu", images, np.full(3, sign)) for sign in (1, -1))
    assert for_malignant.shape == (3, 96, 96)
    assert np.isfinite(for_malignant).all()
    assert for_malignant.min() >= 0
    # Behind the pooling there is one unit: evidence on the 3x3 grid sums to the logit, as the bias is 0; and bilinear
    # interpolation by a whole factor preserves the mean.
    total = 9 * (for_malignant - for_benign).mean(axis=(1, 2))
    np.testing.assert_allclose(total, model.predict(images, verbose=0)[:, 0], rtol=1e-3)
