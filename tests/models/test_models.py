"""What every network of the table promises, whatever it is built from."""

import dataclasses
import time
import zipfile
from itertools import pairwise

import keras
import numpy as np
import pytest
from keras import ops

from skinexp import models
from skinexp.config.conf_files import CONF
from skinexp.config.schema import Head, Model
from skinexp.contracts.backbones import MODEL_NAMES
from skinexp.models import Classifier
from skinexp.models.archive import REFERENCE, load_metadata, load_reference, replace_metadata, save_model
from skinexp.models.backbone_graphs import CONTRACTS
from skinexp.models.classifier import FEATURES
from tests.models.backbones_by_depth import BACKBONES, NETWORKS

SIZE = 64


def head_of(classifier: Classifier) -> list[keras.layers.Layer]:
    """The layers behind the pooled features."""
    names = [layer.name for layer in classifier.network.layers]
    return classifier.network.layers[names.index(FEATURES) + 1 :]


def options(name: str, **changes) -> Model:
    """Small where it can be."""
    return Model(**{"name": name, "alpha": 0.35 if name == "mobilenet" else 1.0} | changes)


@pytest.fixture(scope="module", params=NETWORKS)
def drawn(request) -> tuple[Classifier, list[np.ndarray]]:
    """A network, and its weights as they were drawn."""
    keras.utils.set_random_seed(7)
    built = models.build(options(request.param), SIZE)
    return built, built.network.get_weights()


@pytest.fixture(scope="module")
def classifier(drawn, enliven) -> Classifier:
    enliven(drawn[0].network)
    return drawn[0]


def logits(network: keras.Model, images: np.ndarray) -> np.ndarray:
    return ops.convert_to_numpy(network(images, training=False))


# Every network


def test_every_name_that_can_be_chosen_is_built():
    (name,) = (item for item in dataclasses.fields(Model) if item.name == "name")
    assert list(name.metadata["choices"]) == list(MODEL_NAMES) == ["scratch", *CONTRACTS]
    assert {file.stem for file in (CONF / "model").glob("*.yaml")} == set(MODEL_NAMES)


def test_the_graph_is_flat(classifier):
    assert not [layer for layer in classifier.network.layers if isinstance(layer, keras.Model)]


def test_pixels_go_in_and_one_logit_comes_out(classifier, images):
    assert classifier.network.input_shape == (None, SIZE, SIZE, 3)
    assert classifier.network.output_shape == (None, 1)
    assert classifier.network.layers[-1].activation is keras.activations.linear
    values = logits(classifier.network, images)
    assert np.isfinite(values).all()
    assert values.std() > 0.01


def test_whole_and_broken_pixels_give_the_same_logits(classifier, images):
    expected = logits(classifier.network, images.astype(np.float32))
    np.testing.assert_allclose(logits(classifier.network, images), expected, rtol=1e-5, atol=1e-6)


def test_the_last_convolution_is_the_activation_that_is_pooled(classifier):
    last = classifier.network.get_layer(classifier.last_convolution)
    assert len(last.output.shape) == 4
    depths = {id(layer): number for number, layer in enumerate(classifier.network.layers)}
    between = classifier.network.layers[depths[id(last)] + 1 : depths[id(classifier.network.get_layer(FEATURES))]]
    assert not any(layer.weights for layer in between)


def test_the_head_turns_features_into_the_logits(classifier, images):
    network = classifier.network
    values = keras.Function(network.inputs[0], network.get_layer(FEATURES).output)(images)
    assert len(values.shape) == 2
    for layer in head_of(classifier):
        values = layer(values)
    np.testing.assert_allclose(ops.convert_to_numpy(values), logits(network, images), rtol=1e-4, atol=1e-5)


def test_backbone_and_head_share_no_layer_and_hold_every_weight_of_a_transfer_model(classifier):
    head = {layer.name for layer in head_of(classifier)}
    backbone = set(classifier.backbone)
    assert not head & backbone
    if backbone:
        with_weights = {layer.name for layer in classifier.network.layers if layer.weights}
        assert with_weights <= head | backbone
        assert classifier.last_convolution in backbone


def test_the_parameters_are_those_of_the_weights(classifier):
    assert classifier.parameters == sum(weight.size for weight in classifier.network.get_weights())
    trained = sum(int(np.prod(weight.shape)) for weight in classifier.network.trainable_weights)
    assert classifier.trainable_parameters == trained < classifier.parameters


def test_plain_keras_loads_a_saved_network_with_the_same_logits(classifier, images, tmp_path):
    save_model(classifier.network, tmp_path / "model.keras", {"threshold": 0.4})
    assert "skinexp" not in classifier.network.to_json()
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(logits(loaded, images), logits(classifier.network, images), rtol=1e-5, atol=1e-6)


def test_the_same_seed_draws_the_same_weights(drawn):
    first, weights = drawn
    keras.utils.set_random_seed(7)
    again = models.build(options(first.network.name), SIZE).network.get_weights()
    for one, other in zip(weights, again, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture
def bfloat16():
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("name", NETWORKS)
def test_the_logit_is_float32_where_the_rest_is_not(name, images, bfloat16):
    built = models.build(options(name), SIZE)
    assert built.network.get_layer(built.last_convolution).compute_dtype == "bfloat16"
    assert logits(built.network, images).dtype == np.float32


@pytest.fixture
def channels_first():
    keras.config.set_image_data_format("channels_first")
    try:
        ops.conv(np.ones((1, 3, 4, 4), np.float32), np.ones((3, 3, 3, 1), np.float32))
    except Exception as error:  # whatever a backend has for what it cannot do
        keras.config.set_image_data_format("channels_last")
        pytest.skip(f"this backend has no such convolution here: {error}")
    yield
    keras.config.set_image_data_format("channels_last")


def test_channels_first_changes_the_layout_and_nothing_else(classifier, images, channels_first, tmp_path):
    name = classifier.network.name
    if name in CONTRACTS and not CONTRACTS[name].channels_first:
        pytest.skip("Keras has it with channels last only, and a run is refused before")
    other = models.build(options(name), SIZE)
    assert other.network.get_layer(other.last_convolution).output.shape[1:] == tuple(
        np.roll(classifier.network.get_layer(classifier.last_convolution).output.shape[1:], 1)
    )
    assert len(other.backbone) == len(classifier.backbone)
    assert other.network.input_shape == classifier.network.input_shape
    classifier.network.save_weights(tmp_path / "some.weights.h5")
    other.network.load_weights(tmp_path / "some.weights.h5")
    np.testing.assert_allclose(logits(other.network, images), logits(classifier.network, images), rtol=1e-4, atol=1e-5)


def test_a_network_saved_with_channels_first_is_loaded_where_they_are_last(images, enliven, channels_first, tmp_path):
    built = models.build(options("mobilenet"), SIZE)
    enliven(built.network)
    expected = logits(built.network, images)
    save_model(built.network, tmp_path / "model.keras", {})
    keras.config.set_image_data_format("channels_last")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(logits(loaded, images), expected, rtol=1e-5, atol=1e-6)


# The scratch CNN


def test_the_scratch_network_has_the_parameters_that_its_layers_add_up_to():
    """Counted by hand: 3x3 convolutions with bias, four weights a normalized channel, dense layers with bias."""
    widths = (3, 32, 32, 64, 64, 128, 128, 256)
    convolutions = sum(9 * before * after + after for before, after in pairwise(widths))
    normalizations = sum(widths[1:])
    head = 256 * 128 + 128 + 128 + 1
    built = models.build(options("scratch"), 224)
    assert built.parameters == convolutions + 4 * normalizations + head == 618_017
    assert built.trainable_parameters == convolutions + 2 * normalizations + head == 616_609


def test_the_scratch_network_is_the_seed_studys():
    layers = models.build(options("scratch"), 32).network.layers
    rates = [layer.rate for layer in layers if isinstance(layer, keras.layers.Dropout)]
    assert rates == [0.25, 0.25, 0.30, 0.35, 0.5]
    filters = [layer.filters for layer in layers if isinstance(layer, keras.layers.Conv2D)]
    assert filters == [32, 32, 64, 64, 128, 128, 256]
    assert sum(isinstance(layer, keras.layers.MaxPooling2D) for layer in layers) == 4


@pytest.mark.parametrize("source", ["imagenet", None])
def test_the_scratch_network_takes_no_weights_and_calls_itself_untrained(source):
    built = models.build(options("scratch", weights=source), 32)
    assert not built.pretrained
    assert built.backbone == ()


# Transfer models


@pytest.fixture(scope="module", params=BACKBONES)
def customised(request) -> Classifier:
    """A transfer model none of whose options is the default."""
    head = Head(dropout=0.1, units=7, unit_dropout=0.2)
    return models.build(options(request.param, head=head, batch_norm_momentum=0.8), 32)


def momenta(classifier: Classifier) -> set[float]:
    layers = classifier.network.layers
    return {layer.momentum for layer in layers if isinstance(layer, keras.layers.BatchNormalization)}


def test_the_head_is_as_asked(customised):
    chain = head_of(customised)
    assert [type(layer).__name__ for layer in chain] == ["Dropout", "Dense", "Dropout", "Dense"]
    assert (chain[0].rate, chain[1].units, chain[2].rate, chain[3].units) == (0.1, 7, 0.2, 1)
    assert chain[1].activation is keras.activations.relu


def test_random_weights_get_normalization_statistics_that_follow_as_quickly_as_asked(customised):
    assert momenta(customised) == {0.8}
    assert momenta(models.build(options("scratch", batch_norm_momentum=0.7), 32)) == {0.7}


@pytest.mark.parametrize(("alpha", "width"), [(0.35, 1_280), (1.4, 1_792)])
def test_alpha_makes_mobilenet_narrower_or_wider(alpha, width):
    network = models.build(options("mobilenet", alpha=alpha), 32).network
    reference = keras.applications.MobileNetV2(alpha=alpha, include_top=False, weights=None, input_shape=(32, 32, 3))
    assert network.get_layer(FEATURES).output.shape == (None, width)
    head = width * 128 + 128 + 128 + 1
    assert network.count_params() == reference.count_params() + head


# The archive


def test_what_is_needed_to_use_a_network_is_saved_with_it(tmp_path):
    network = models.build(options("scratch"), 32).network
    metadata = {"preprocess": {"size": 32, "crop_border": True}, "threshold": 0.37, "classes": ["benign", "malignant"]}
    save_model(network, tmp_path / "model.keras", metadata)
    assert load_metadata(tmp_path / "model.keras") == metadata


def test_what_a_file_holds_beside_a_network_can_be_dated_by_any_clock(tmp_path, monkeypatch):
    file = tmp_path / "model.keras"
    with zipfile.ZipFile(file, "w") as stored, stored.open("config.json", "w") as entry:
        entry.write(b"{}")
    monkeypatch.setattr(time, "localtime", lambda *_: time.gmtime(0))  # 1970, before which no ZIP archive can be dated
    replace_metadata(file, {"threshold": 0.5})
    assert load_metadata(file) == {"threshold": 0.5}


def test_damaged_statistics_beside_a_network_are_left_out_and_that_is_said(tmp_path, caplog):
    file = tmp_path / "model.keras"
    with zipfile.ZipFile(file, "w") as stored:
        stored.writestr(REFERENCE, b"no arrays")
    assert load_reference(file) is None
    assert caplog.messages[0].startswith(f"Damaged   statistics of the training images in {file}: ")
