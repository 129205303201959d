"""A small experiment: can what learns be made to fit sixteen images, and at which learning rate?

A network that cannot learn sixteen images by heart cannot learn at all. Where the rate of the configuration fails,
others are tried on the same images from the same weights: a cause is named after an experiment, not after a symptom.
"""

import math
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from skinexp.config.schema import Optim
from skinexp.health.ask import Descent, Slope
from skinexp.health.thresholds import limit
from skinexp.training import optimizers

IMAGES = 16
STEPS = 12  # at most
ENOUGH = 0.7  # of the loss at the beginning, twice running: fitted well enough to stop
PLENTY = 0.35  # of it, once: likewise
USUAL = 1e-3  # a rate that Adam learns most networks with
FACTORS = (0.1, 0.01, 10.0, 100.0)  # of a rate that failed: what is tried instead


@dataclass(frozen=True)
class Trial:
    """What became of the loss on sixteen images.

    Attributes:
        lr: the learning rate.
        ratio: the loss after the steps over the loss before; infinite where it was lost.
        peak: the largest on the way, likewise.
    """

    lr: float
    ratio: float
    peak: float

    @property
    def fitted(self) -> bool:
        """Whether the images could be learned, without a detour over a loss much higher than at the beginning."""
        return self.ratio < limit("fitted") and self.peak < limit("wild")


@dataclass(frozen=True)
class Experiment:
    """What every attempt begins with.

    Attributes:
        descent: the loss of the images.
        start: the weights, one array each.
        slope: what `descent` says of them.
    """

    descent: Descent
    start: list[np.ndarray]
    slope: Slope


def attempt(experiment: Experiment, options: Optim, lr: float) -> Trial:
    """Takes steps from the weights of the start, which are left as they are.

    The optimizer sees all weights as one vector: it treats each number by itself, and hundreds of small arrays would
    take it longer than the network takes for its gradient.
    """
    start, slope = experiment.start, experiment.slope
    vector = keras.Variable(np.concatenate([value.ravel() for value in start]), dtype="float32")
    optimizer = optimizers.OPTIMIZERS[options.name](options, lr)
    losses = [slope.loss]
    while _goes_on(losses):
        optimizer.apply([ops.concatenate([ops.ravel(part) for part in slope.gradients])], [vector])
        slope = experiment.descent(_parts(vector, start))
        losses.append(slope.loss)
    if not math.isfinite(sum(losses)) or losses[0] <= 0:
        return Trial(lr, math.inf, math.inf)
    return Trial(lr, losses[-1] / losses[0], max(losses) / losses[0])


def _goes_on(losses: list[float]) -> bool:
    if not math.isfinite(losses[-1]) or len(losses) > STEPS:
        return False
    return losses[-1] > PLENTY * losses[0] and max(losses[-2:]) > ENOUGH * losses[0]


def _parts(vector: keras.Variable, start: list[np.ndarray]) -> list[Any]:
    """The vector as arrays of the shapes that it was made from."""
    ends = np.cumsum([value.size for value in start])[:-1].tolist()
    return [ops.reshape(part, value.shape) for part, value in zip(ops.split(vector, ends), start, strict=True)]


def other_rates(experiment: Experiment, options: Optim, lr: float) -> list[Trial]:
    """The same at rates around one that failed, and at the usual one; ends at the first that fits.

    Where that is a lower one, a tenth of it is tried as well: the largest rate that learns at all is seldom the best.
    """
    found: list[Trial] = []
    for rate in dict.fromkeys([*(factor * lr for factor in FACTORS), USUAL]):
        found.append(attempt(experiment, options, rate))
        if found[-1].fitted:
            break
    if found[-1].fitted and found[-1].lr < lr:
        found.append(attempt(experiment, options, found[-1].lr / 10))
    return found
