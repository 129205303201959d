"""A small experiment: can what learns be made to fit sixteen images, and at which learning rate?

A network that cannot learn sixteen images by heart cannot learn at all. Where the rate of the configuration fails,
others are tried on the same images from the same weights: a cause is named after an experiment, not after a symptom.
"""

import math
from dataclasses import dataclass

import keras
import numpy as np

from skinexp.config import Optim
from skinexp.health.ask import Descent
from skinexp.health.thresholds import limit
from skinexp.training import optimizers

IMAGES = 16
STEPS = 12  # at most
ENOUGH = 0.7  # of the loss at the beginning, twice running: fitted well enough to stop
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


def attempt(descent: Descent, start: list[np.ndarray], options: Optim, lr: float) -> Trial:
    """Takes steps from some weights, which are left as they are."""
    weights = [keras.Variable(value, dtype="float32") for value in start]
    optimizer = optimizers.OPTIMIZERS[options.name](options, lr)
    loss, gradients = descent([weight.value for weight in weights])
    losses = [loss]
    while math.isfinite(losses[-1]) and len(losses) <= STEPS and max(losses[-2:]) > ENOUGH * losses[0]:
        optimizer.apply(gradients, weights)
        loss, gradients = descent([weight.value for weight in weights])
        losses.append(loss)
    if not math.isfinite(sum(losses)) or losses[0] <= 0:
        return Trial(lr, math.inf, math.inf)
    return Trial(lr, losses[-1] / losses[0], max(losses) / losses[0])


def other_rates(descent: Descent, start: list[np.ndarray], options: Optim, lr: float) -> list[Trial]:
    """The same at rates around one that failed, and at the usual one; ends at the first that fits.

    Where that is a lower one, a tenth of it is tried as well: the largest rate that learns at all is seldom the best.
    """
    found: list[Trial] = []
    for rate in dict.fromkeys([*(factor * lr for factor in FACTORS), USUAL]):
        found.append(attempt(descent, start, options, rate))
        if found[-1].fitted:
            break
    if found[-1].fitted and found[-1].lr < lr:
        found.append(attempt(descent, start, options, found[-1].lr / 10))
    return found
