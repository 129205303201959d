"""From pixels 0..255 to what a network expects."""

import sys

import keras
import numpy as np
import pytest
from keras import ops

from skinexp import models
from skinexp.config.schema import Model
from skinexp.models.backbone_graphs import CONTRACTS
from skinexp.models.scaling import SCALINGS, scale_pixels

ENDS = np.array([0, 127.5, 255], dtype=np.float32).reshape(1, 1, 1, 3)
RAMP = np.stack(np.meshgrid(*3 * [np.linspace(0, 255, 6, dtype=np.float32)]), axis=-1).reshape(1, 12, 18, 3)


def scaled(wanted: str, contract: str, pixels: np.ndarray = ENDS) -> list[float]:
    """The inputs that a graph makes of pixels."""
    inputs = keras.Input(pixels.shape[1:])
    network = keras.Model(inputs, scale_pixels(inputs, wanted, contract))
    return ops.convert_to_numpy(network(pixels)).ravel().tolist()


@pytest.mark.parametrize(("name", "expected"), [("unit", [0, 0.5, 1]), ("tf", [-1, 0, 1]), ("byte", [0, 127.5, 255])])
@pytest.mark.parametrize("contract", sorted(SCALINGS))
def test_a_scaling_asked_for_holds_whatever_the_contract(name, expected, contract):
    assert scaled(name, contract) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "module"), [("tf", "mobilenet_v2"), ("byte", "efficientnet"), ("torch", "densenet"), ("caffe", "vgg16")]
)
def test_each_scaling_is_a_mode_of_keras(name, module):
    expected = getattr(keras.applications, module).preprocess_input(RAMP.copy())
    np.testing.assert_allclose(SCALINGS[name](RAMP), expected, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(scaled(name, "unit", RAMP), expected.ravel(), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", sorted(SCALINGS))
def test_inputs_are_turned_back_into_pixels(name):
    np.testing.assert_allclose(SCALINGS[name].invert(SCALINGS[name](RAMP)), RAMP, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("contract", sorted(SCALINGS))
def test_contract_means_the_networks_own(contract):
    assert scaled("contract", contract) == scaled(contract, contract)


@pytest.mark.parametrize("name", sorted(CONTRACTS))
def test_a_contract_is_what_the_preprocessing_of_its_keras_module_does(name):
    module = sys.modules[getattr(keras.applications, CONTRACTS[name].application).__module__]
    expected = module.preprocess_input(RAMP.copy())
    np.testing.assert_allclose(
        scaled("contract", CONTRACTS[name].input_scaling, RAMP), expected.ravel(), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("wanted", sorted(SCALINGS))
def test_a_network_begins_with_the_scaling_asked_for(wanted):
    network = models.build(Model(name="scratch", input_scaling=wanted), 32).network
    entry = keras.Function(network.inputs[0], network.get_layer("input_scaling").output)
    pixels = np.resize(RAMP, (1, 32, 32, 3))
    np.testing.assert_allclose(ops.convert_to_numpy(entry(pixels)), SCALINGS[wanted](pixels), rtol=1e-5, atol=1e-4)
