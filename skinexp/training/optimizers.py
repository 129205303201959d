"""Optimizers by name, with their learning rate: constant until a plateau, or along a cosine."""

from collections.abc import Callable
from typing import Any

import keras

from skinexp.config.schema import Optim

Schedule = Any  # a float, or a keras.optimizers.schedules.LearningRateSchedule: Keras has no types


def _adam(options: Optim, lr: Schedule) -> keras.Optimizer:
    return keras.optimizers.Adam(lr, weight_decay=options.weight_decay or None)


def _adamw(options: Optim, lr: Schedule) -> keras.Optimizer:
    return keras.optimizers.AdamW(lr, weight_decay=options.weight_decay)


def _sgd(options: Optim, lr: Schedule) -> keras.Optimizer:
    return keras.optimizers.SGD(
        lr, momentum=options.momentum, nesterov=options.momentum > 0, weight_decay=options.weight_decay or None
    )


OPTIMIZERS: dict[str, Callable[[Optim, Schedule], keras.Optimizer]] = {"adam": _adam, "adamw": _adamw, "sgd": _sgd}


def build(options: Optim, lr: float, steps: int) -> keras.Optimizer:
    """Returns the optimizer of a phase of at most `steps` steps that begins at learning rate `lr`."""
    schedule = keras.optimizers.schedules.CosineDecay(lr, steps) if options.schedule == "cosine" else lr
    return OPTIMIZERS[options.name](options, schedule)


def without_schedule(options: Optim, lr: float) -> keras.Optimizer:
    """Returns the optimizer with a learning rate that may be set between steps."""
    return OPTIMIZERS[options.name](options, lr)
