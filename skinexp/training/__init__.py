"""Training: phases, optimizers, callbacks."""

from skinexp.training.callbacks import NonFiniteLoss
from skinexp.training.fit import Training, fit

__all__ = ["NonFiniteLoss", "Training", "fit"]
