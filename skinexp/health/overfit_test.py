"""The overfit-one-batch test: can the layers that learn fit sixteen images, and at which learning rate?

A network that cannot fit sixteen images cannot learn. If the configured learning rate fails, the test is repeated at
others, from the same weights on the same images, so that a cause is named after an experiment and not after a symptom.
"""

import math
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from skinexp.config.schema import Optim
from skinexp.health.diagnostic_limits import limit
from skinexp.health.network_probe import LossFunction, LossGradient
from skinexp.training import optimizers

IMAGES = 16
STEPS = 12  # at most
ENOUGH = 0.7  # of the initial loss: the test ends after two losses below
PLENTY = 0.35  # of the initial loss: the test ends after one loss below
USUAL_RATE = 1e-3  # a learning rate at which Adam trains most networks
FACTORS = (0.1, 0.01, 10.0, 100.0)  # times the learning rate that failed: the rates to try next


@dataclass(frozen=True)
class OverfitResult:
    """The outcome of the overfit-one-batch test at one learning rate.

    Attributes:
        lr: the learning rate.
        ratio: the last loss over the initial loss; infinite if the loss was not finite.
        peak: the largest loss over the initial loss; infinite if the loss was not finite.
    """

    lr: float
    ratio: float
    peak: float

    @property
    def fitted(self) -> bool:
        """Whether the images were fitted, without a loss far above the initial one on the way."""
        return self.ratio < limit("fitted") and self.peak < limit("wild")


@dataclass(frozen=True)
class OverfitTest:
    """The overfit-one-batch test, which can be run at several learning rates.

    Attributes:
        loss_function: the loss of the images as a function of the weights.
        start: the weights that each run starts from, one array for each variable; no run changes them.
        gradient: the loss and its gradient at the start.
    """

    loss_function: LossFunction
    start: list[np.ndarray]
    gradient: LossGradient

    def run(self, options: Optim, lr: float) -> OverfitResult:
        """Takes up to `STEPS` steps at one learning rate and returns how far the loss fell.

        The optimizer sees all weights as one vector: it treats each number by itself, and hundreds of small arrays
        would take it longer than the network takes for its gradient.

        Args:
            options: name and settings of the optimizer.
            lr: the learning rate.
        """
        gradient = self.gradient
        vector = keras.Variable(np.concatenate([value.ravel() for value in self.start]), dtype="float32")
        optimizer = optimizers.OPTIMIZERS[options.name](options, lr)
        losses = [gradient.loss]
        while _goes_on(losses):
            optimizer.apply([ops.concatenate([ops.ravel(part) for part in gradient.gradients])], [vector])
            gradient = self.loss_function(_split_like(vector, self.start))
            losses.append(gradient.loss)
        if not math.isfinite(sum(losses)) or losses[0] <= 0:
            return OverfitResult(lr, math.inf, math.inf)
        return OverfitResult(lr, losses[-1] / losses[0], max(losses) / losses[0])

    def run_other_rates(self, options: Optim, failed_lr: float) -> list[OverfitResult]:
        """Runs the test at rates around one that failed and at the usual one, until one of them fits the images.

        If that is a lower rate, a tenth of it is tried as well: the largest rate that learns is seldom the best.
        """
        results: list[OverfitResult] = []
        for rate in dict.fromkeys([*(factor * failed_lr for factor in FACTORS), USUAL_RATE]):
            results.append(self.run(options, rate))
            if results[-1].fitted:
                break
        if results[-1].fitted and results[-1].lr < failed_lr:
            results.append(self.run(options, results[-1].lr / 10))
        return results


def _goes_on(losses: list[float]) -> bool:
    if not math.isfinite(losses[-1]) or len(losses) > STEPS:
        return False
    return losses[-1] > PLENTY * losses[0] and max(losses[-2:]) > ENOUGH * losses[0]


def _split_like(vector: keras.Variable, arrays: list[np.ndarray]) -> list[Any]:
    """Returns the vector's values as arrays of the shapes of `arrays`."""
    ends = np.cumsum([value.size for value in arrays])[:-1].tolist()
    return [ops.reshape(part, value.shape) for part, value in zip(ops.split(vector, ends), arrays, strict=True)]
