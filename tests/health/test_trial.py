"""The trial on sixteen images: what learns, what does not, and at which rate."""

import keras
import numpy as np
import pytest

from skinexp.config import Optim
from skinexp.health.ask import Questions
from skinexp.health.trial import attempt, other_rates


@pytest.fixture
def experiment(network, discs):
    """The loss of sixteen images, and the weights to begin with."""
    images, labels = discs
    questions = Questions(network)
    start = [keras.ops.convert_to_numpy(variable) for variable in questions.variables]
    return questions.descent(images[:16], labels[:16]), start


def test_a_healthy_network_learns_sixteen_images(experiment):
    trial = attempt(*experiment, Optim(), 1e-2)
    assert trial.fitted
    assert trial.ratio < 0.8


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_a_rate_of_nearly_nothing_leaves_the_loss_where_it_was(experiment, name):
    trial = attempt(*experiment, Optim(name=name), 1e-12)
    assert trial.ratio == pytest.approx(1, abs=1e-4)
    assert not trial.fitted


def test_a_rate_that_loses_the_loss_is_not_fitted(experiment):
    trial = attempt(*experiment, Optim(), 1e30)
    assert not trial.fitted
    assert trial.peak > 10


def test_other_rates_end_at_the_first_that_learns_and_a_tenth_of_it(experiment):
    *failed, first, last = other_rates(*experiment, Optim(), 10.0)
    assert not any(trial.fitted for trial in failed)
    assert first.fitted
    assert first.lr < 10
    assert last.lr == first.lr / 10


def test_the_network_and_the_start_are_left_as_they_were(network, experiment):
    descent, start = experiment
    before = [array.copy() for array in start]
    attempt(descent, start, Optim(), 1e-2)
    for array, kept, variable in zip(start, before, Questions(network).variables, strict=True):
        np.testing.assert_array_equal(array, kept)
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), kept)
