"""Training: phases, optimizers, callbacks, checkpoints."""

from skinexp.training.callbacks import NonFiniteLoss
from skinexp.training.checkpoints import forget
from skinexp.training.fit import Training, fit

__all__ = ["NonFiniteLoss", "Training", "fit", "forget"]
