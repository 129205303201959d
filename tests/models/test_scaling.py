"""From pixels 0..255 to what a network expects."""

import keras
import numpy as np
import pytest
from keras import ops

from skinexp import models
from skinexp.config.schema import Model
from skinexp.models.backbones import CONTRACTS
from skinexp.models.scaling import SCALINGS, scale_pixels

ENDS = np.array([0, 127.5, 255], dtype=np.float32).reshape(1, 1, 1, 3)


def scaled(wanted: str, contract: str) -> list[float]:
    """What black, grey and white become."""
    pixels = keras.Input((1, 1, 3))
    network = keras.Model(pixels, scale_pixels(pixels, wanted, contract))
    return ops.convert_to_numpy(network(ENDS)).ravel().tolist()


@pytest.mark.parametrize(("name", "expected"), [("unit", [0, 0.5, 1]), ("tf", [-1, 0, 1]), ("byte", [0, 127.5, 255])])
@pytest.mark.parametrize("contract", sorted(SCALINGS))
def test_a_scaling_asked_for_holds_whatever_the_contract(name, expected, contract):
    assert scaled(name, contract) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("contract", sorted(SCALINGS))
def test_contract_means_the_networks_own(contract):
    assert scaled("contract", contract) == scaled(contract, contract)


def test_the_contracts_are_what_keras_preprocessing_does():
    for name, module in (("mobilenet", "mobilenet_v2"), ("efficientnet", "efficientnet")):
        expected = getattr(keras.applications, module).preprocess_input(ENDS.copy()).ravel()
        assert scaled("contract", CONTRACTS[name].input_scaling) == pytest.approx(expected.tolist(), abs=1e-6)


@pytest.mark.parametrize("wanted", sorted(SCALINGS))
def test_a_network_begins_with_the_scaling_asked_for(wanted):
    layer = models.build(Model(name="scratch", input_scaling=wanted), 32).network.layers[1]
    assert layer.name == "input_scaling"
    assert layer.scale == pytest.approx(SCALINGS[wanted]["scale"])
    assert layer.offset == pytest.approx(SCALINGS[wanted]["offset"])
