"""The loss that every phase is compiled with."""

import logging

import keras
from keras import ops

from skinexp.contracts.losses import LOSSES, Objective

log = logging.getLogger(__name__)


class ClassWeighted(keras.losses.Loss):
    """A loss in which each class has a weight.

    The weight is part of the loss, not of the batches, so that it holds on images and on cached features alike, in a
    range test, and for validation images.
    """

    def __init__(self, loss: keras.losses.Loss, benign: float, malignant: float):
        super().__init__(name="class_weighted")
        self._loss, self._benign, self._malignant = loss, benign, malignant

    def call(self, y_true, y_pred):
        losses = self._loss.call(y_true, y_pred)
        labels = ops.cast(ops.reshape(y_true, ops.shape(losses)), losses.dtype)
        return losses * (self._benign + (self._malignant - self._benign) * labels)


def build_loss(objective: Objective) -> keras.losses.Loss:
    """Returns Keras' loss of an objective."""
    contract = LOSSES[objective.loss]
    loss = getattr(keras.losses, contract.keras_class)(from_logits=True, **contract.options)
    return loss if objective.class_weights is None else ClassWeighted(loss, *objective.class_weights)


def log_objective(objective: Objective, calibration: str) -> None:
    """Logs in one line what a loss other than the plain cross-entropy does to probabilities, and the remedy.

    Args:
        objective: of the training.
        calibration: the chosen `evaluate.calibration`.
    """
    if objective.class_weights is not None and objective.class_weights != (1.0, 1.0):
        benign, malignant = objective.class_weights
        log.info(
            "Loss      %s, weights %.2f (benign) and %.2f (malignant): uncalibrated probabilities assume equally "
            "frequent classes%s",
            objective.loss,
            benign,
            malignant,
            ". Recommended: evaluate.calibration=logistic" if calibration in ("none", "temperature") else "",
        )
    elif objective.loss != "cross_entropy":
        log.info(
            "Loss      %s: uncalibrated probabilities are biased towards 0.5%s",
            objective.loss,
            ". Recommended: evaluate.calibration=logistic" if calibration == "none" else "",
        )
