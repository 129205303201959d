"""What every backbone of the registry promises; a new entry is tested here without another line."""

import logging
from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import ops

from skinexp import models
from skinexp.config.schema import Config, Model
from skinexp.config.validation import check
from skinexp.core.errors import UserError
from skinexp.explain.methods import gradcam
from skinexp.health import network_readings
from skinexp.models import Classifier
from skinexp.models.archive import save_model
from skinexp.models.backbone_graphs import CONTRACTS, Contract
from skinexp.models.classifier import FEATURES
from skinexp.training import phases
from skinexp.training.cut import find_cut_layer
from tests.models.backbones_by_depth import BACKBONES

SIZE = 64


def small(name: str, **changes) -> Model:
    """The narrowest network of the name."""
    return Model(**{"name": name, "alpha": min(CONTRACTS[name].widths), "frozen": True} | changes)


@pytest.fixture(scope="module", params=BACKBONES)
def name(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def built(name, enliven) -> Classifier:
    keras.utils.set_random_seed(0)
    classifier = models.build(small(name), SIZE)
    enliven(classifier.network)
    return classifier


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4, SIZE, SIZE, 3)).astype(np.float32)


def test_a_head_phase_is_cut_at_the_pooled_features(name, built):
    head = phases.plan(built, small(name), Config().optim)[0]
    assert find_cut_layer(head, built) == FEATURES


def test_layers_to_explain_have_ever_finer_maps_and_begin_with_the_last(name, built):
    contract = CONTRACTS[name]
    sizes = [built.network.get_layer(layer).output.shape[1] for layer in contract.explained_layers]
    assert contract.explained_layers[0] == contract.last_convolution == built.last_convolution
    assert sizes == sorted(set(sizes))


def test_grad_cam_explains_the_last_convolution(built, pixels):
    maps = gradcam.explain(built, pixels, np.array([1, -1, 1, -1]))
    assert maps.shape == pixels.shape[:3]
    assert np.isfinite(maps).all()


def test_the_doctor_finds_the_input_in_its_contract_and_sees_every_other_range(name, built, pixels):
    expected = CONTRACTS[name].input_scaling
    assert network_readings.read_entry(built.network, pixels, expected).input_error < 1e-3
    others = {"unit", "tf", "byte", "torch", "caffe"} - {expected}
    for other in others:
        assert network_readings.read_entry(built.network, pixels, other).input_error > 0.05


def test_a_saved_network_is_loaded_with_the_same_logits(built, pixels, tmp_path):
    save_model(built.network, tmp_path / "model.keras", {})
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    expected = ops.convert_to_numpy(built.network(pixels, training=False))
    np.testing.assert_allclose(ops.convert_to_numpy(loaded(pixels, training=False)), expected, rtol=1e-4, atol=1e-5)


def test_one_step_changes_every_kernel_that_learns(built, pixels):
    kernels = [layer for layer in built.network.layers if hasattr(layer, "kernel")]
    before = [ops.convert_to_numpy(layer.kernel) for layer in kernels]
    built.network.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True), run_eagerly=True)
    loss = built.network.train_on_batch(pixels, np.array([[0], [1], [0], [1]]))
    assert np.isfinite(loss)
    moved = [
        not np.array_equal(old, ops.convert_to_numpy(layer.kernel)) for old, layer in zip(before, kernels, strict=True)
    ]
    assert np.mean(moved) > 0.95  # a ReLU of the head may be dead for four images


# Weights that are not at hand


def test_a_backbone_without_weights_says_that_all_of_it_is_trained(caplog):
    with caplog.at_level(logging.INFO):
        classifier = models.build(Model(name="mobilenet", alpha=0.35), 32)
    (line,) = [record.getMessage() for record in caplog.records if record.getMessage().startswith("Weights")]
    assert "random: the whole network is trained" in line
    assert "mobilenet and efficientnet of width 1" in line
    assert [phase.name for phase in phases.plan(classifier, Model(name="mobilenet"), Config().optim)] == ["train"]


def test_shipped_weights_that_do_not_exist_are_refused_with_the_backbones_that_have_some():
    with pytest.raises(UserError, match=r"^model\.weights: .*mobilenet and efficientnet.*Received: .*phantom") as told:
        models.build(Model(name="mobilenet", alpha=0.35, weights="phantom"), 32)
    assert "Install" not in str(told.value)


# Another backbone


def test_another_backbone_is_one_entry_of_the_registry(monkeypatch, enliven):
    entry = Contract(
        application="MobileNet",
        input_scaling="tf",
        last_convolution="conv_pw_13_relu",
        explained_layers=("conv_pw_13_relu", "conv_pw_11_relu"),
        file_stem="mobilenet",
        release="mobilenet_{alpha}_224_tf_no_top.h5",
        widths=(0.25, 1.0),
    )
    monkeypatch.setitem(CONTRACTS, "mobilenet_v1", entry)
    check(replace(Config(), model=small("mobilenet_v1", frozen=None)))
    classifier = models.build(small("mobilenet_v1", alpha=0.25), 32)
    assert classifier.network.name == "mobilenet_v1"
    assert classifier.last_convolution in classifier.backbone
