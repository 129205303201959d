"""Training: phases, optimizers, callbacks, checkpoints."""

from skinexp.training.callbacks import NonFiniteLoss
from skinexp.training.checkpoints import forget
from skinexp.training.fit import Training, fit
from skinexp.training.phase_task import precompute_validation_features

__all__ = ["NonFiniteLoss", "Training", "fit", "forget", "precompute_validation_features"]
