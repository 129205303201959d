"""Optimizers by name: what one step does to a weight."""

from dataclasses import fields

import keras
import numpy as np
import pytest
from keras import ops

from skinexp.config.schema import Optim
from skinexp.training.optimizers import OPTIMIZERS, build

CLASSES = {"adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW, "sgd": keras.optimizers.SGD}


def step(optimizer: keras.Optimizer, value: float, gradient: float) -> float:
    """The value after one step."""
    variable = keras.Variable(np.array([value], dtype=np.float32))
    optimizer.build([variable])
    optimizer.apply([ops.array([gradient], dtype="float32")])
    return float(variable.numpy()[0])


def test_every_name_that_can_be_chosen_has_an_optimizer():
    (name,) = (item for item in fields(Optim) if item.name == "name")
    assert set(OPTIMIZERS) == set(name.metadata["choices"]) == set(CLASSES)


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_an_optimizer_is_keras_own_with_the_learning_rate_asked_for(name):
    optimizer = build(Optim(name=name), 0.02, 100)
    assert type(optimizer) is CLASSES[name]
    assert float(optimizer.learning_rate) == pytest.approx(0.02)


@pytest.mark.parametrize("name", sorted(CLASSES))
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_weight_decay_shrinks_a_weight_apart_from_its_gradient(name, decay):
    """Decoupled: without a gradient, a step multiplies the weight by 1 - lr x decay."""
    optimizer = build(Optim(name=name, weight_decay=decay), 0.5, 100)
    assert step(optimizer, 2.0, 0.0) == pytest.approx(2.0 * (1 - 0.5 * decay))


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_adams_first_step_is_the_learning_rate_whatever_the_gradient(name):
    for gradient in (1e-2, 1e2):
        assert step(build(Optim(name=name), 0.1, 100), 1.0, gradient) == pytest.approx(0.9, abs=1e-4)


def test_momentum_of_sgd_is_nesterovs():
    """Sutskever et al. (2013): the first step is lr x gradient x (1 + momentum)."""
    assert step(build(Optim(name="sgd", momentum=0.5), 0.1, 100), 1.0, 2.0) == pytest.approx(1 - 0.1 * 2 * 1.5)
    assert step(build(Optim(name="sgd", momentum=0.0), 0.1, 100), 1.0, 2.0) == pytest.approx(1 - 0.1 * 2)


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_a_cosine_ends_at_zero(name):
    optimizer = build(Optim(name=name, schedule="cosine"), 0.1, 50)
    rates = [float(optimizer._learning_rate(number)) for number in (0, 25, 50)]
    assert rates == pytest.approx([0.1, 0.05, 0.0], abs=1e-6)
