"""The overfit-one-batch test: which networks fit sixteen images, and at which learning rate."""

import keras
import numpy as np
import pytest

from skinexp.config.schema import Optim
from skinexp.health import overfit_test
from skinexp.health.network_probe import NetworkProbe
from skinexp.health.overfit_test import OverfitTest
from skinexp.training import optimizers


@pytest.fixture
def overfit(network, discs):
    """The test on sixteen images, from the network's weights."""
    images, labels = discs
    probe = NetworkProbe(network)
    start = [keras.ops.convert_to_numpy(variable) for variable in probe.variables]
    loss_function = probe.loss_function(images[:16], labels[:16])
    return OverfitTest(loss_function, start, loss_function(start))


def test_a_healthy_network_learns_sixteen_images(overfit):
    result = overfit.run(Optim(), 1e-2)
    assert result.fitted
    assert result.ratio < 0.8


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_a_rate_of_nearly_nothing_leaves_the_loss_where_it_was(overfit, name):
    result = overfit.run(Optim(name=name), 1e-12)
    assert result.ratio == pytest.approx(1, abs=1e-4)
    assert not result.fitted


def test_a_rate_that_loses_the_loss_is_not_fitted(overfit):
    result = overfit.run(Optim(), 1e30)
    assert not result.fitted
    assert result.peak > 10


def test_other_rates_end_at_the_first_that_learns_and_a_tenth_of_it(overfit):
    *failed, first, last = overfit.run_other_rates(Optim(), 10.0)
    assert not any(result.fitted for result in failed)
    assert first.fitted
    assert first.lr < 10
    assert last.lr == first.lr / 10


def test_the_network_and_the_start_are_left_as_they_were(network, overfit):
    before = [array.copy() for array in overfit.start]
    overfit.run(Optim(), 1e-2)
    for array, kept, variable in zip(overfit.start, before, NetworkProbe(network).variables, strict=True):
        np.testing.assert_array_equal(array, kept)
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), kept)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_steps_of_all_weights_as_one_vector_are_those_of_the_weights_one_by_one(overfit, name, monkeypatch):
    options = Optim(name=name, weight_decay=1e-2)
    monkeypatch.setattr(overfit_test, "STEPS", 3)
    monkeypatch.setattr(overfit_test, "ENOUGH", 0.0)
    monkeypatch.setattr(overfit_test, "PLENTY", 0.0)
    weights = [keras.Variable(array) for array in overfit.start]
    optimizer = optimizers.OPTIMIZERS[name](options, 1e-3)
    gradient = overfit.gradient
    for _ in range(3):
        optimizer.apply(gradient.gradients, weights)
        gradient = overfit.loss_function([weight.value for weight in weights])
    expected = gradient.loss / overfit.gradient.loss
    assert overfit.run(options, 1e-3).ratio == pytest.approx(expected, rel=1e-5)
