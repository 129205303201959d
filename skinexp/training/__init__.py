"""Training: phases, optimizers, callbacks, checkpoints."""

from skinexp.training.callbacks import NonFiniteLoss
from skinexp.training.checkpoints import forget
from skinexp.training.course import foreseen
from skinexp.training.fit import Training, fit

__all__ = ["NonFiniteLoss", "Training", "fit", "foreseen", "forget"]
