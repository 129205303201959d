"""The trial on sixteen images: what learns, what does not, and at which rate."""

import keras
import numpy as np
import pytest

from skinexp.config.schema import Optim
from skinexp.health import trial
from skinexp.health.ask import Questions
from skinexp.health.trial import Experiment, attempt, other_rates
from skinexp.training import optimizers


@pytest.fixture
def experiment(network, discs):
    """The loss of sixteen images, and the weights to begin with."""
    images, labels = discs
    questions = Questions(network)
    start = [keras.ops.convert_to_numpy(variable) for variable in questions.variables]
    descent = questions.descent(images[:16], labels[:16])
    return Experiment(descent, start, descent(start))


def test_a_healthy_network_learns_sixteen_images(experiment):
    tried = attempt(experiment, Optim(), 1e-2)
    assert tried.fitted
    assert tried.ratio < 0.8


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_a_rate_of_nearly_nothing_leaves_the_loss_where_it_was(experiment, name):
    tried = attempt(experiment, Optim(name=name), 1e-12)
    assert tried.ratio == pytest.approx(1, abs=1e-4)
    assert not tried.fitted


def test_a_rate_that_loses_the_loss_is_not_fitted(experiment):
    tried = attempt(experiment, Optim(), 1e30)
    assert not tried.fitted
    assert tried.peak > 10


def test_other_rates_end_at_the_first_that_learns_and_a_tenth_of_it(experiment):
    *failed, first, last = other_rates(experiment, Optim(), 10.0)
    assert not any(trial.fitted for trial in failed)
    assert first.fitted
    assert first.lr < 10
    assert last.lr == first.lr / 10


def test_the_network_and_the_start_are_left_as_they_were(network, experiment):
    before = [array.copy() for array in experiment.start]
    attempt(experiment, Optim(), 1e-2)
    for array, kept, variable in zip(experiment.start, before, Questions(network).variables, strict=True):
        np.testing.assert_array_equal(array, kept)
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), kept)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_steps_of_all_weights_as_one_vector_are_those_of_the_weights_one_by_one(experiment, name, monkeypatch):
    options = Optim(name=name, weight_decay=1e-2)
    monkeypatch.setattr(trial, "STEPS", 3)
    monkeypatch.setattr(trial, "ENOUGH", 0.0)
    monkeypatch.setattr(trial, "PLENTY", 0.0)
    weights = [keras.Variable(array) for array in experiment.start]
    optimizer = optimizers.OPTIMIZERS[name](options, 1e-3)
    slope = experiment.slope
    for _ in range(3):
        optimizer.apply(slope.gradients, weights)
        slope = experiment.descent([weight.value for weight in weights])
    expected = slope.loss / experiment.slope.loss
    assert attempt(experiment, options, 1e-3).ratio == pytest.approx(expected, rel=1e-5)
