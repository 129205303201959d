"""The registry of losses, each with what it is of an image, and the objective that a training minimises.

To add a loss of Keras: an entry here. Everything is in nats, of labels 0 (benign) and 1 (malignant) and one logit.
NumPy is imported where it is used: help texts and validation need the names alone.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from skinexp.contracts.names import Names

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

FOCUS = 2.0  # gamma of Lin et al. (2017): how much less well-classified images count
GRID = (-20, 20, 40_001)  # logits among which the best constant prediction is searched for


@dataclass(frozen=True)
class LossContract:
    """A loss of Keras, and the same in NumPy.

    Attributes:
        keras_class: name of a class of keras.losses that takes `from_logits`.
        per_image: (n,) losses of (n,) labels and (n,) logits.
        options: further arguments of the class.
        constant: the mean loss of the best constant prediction if a share of the images, in 0..1, is malignant; None:
            it is searched for.
    """

    keras_class: str
    per_image: "Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]"
    options: Mapping[str, Any] = field(default_factory=dict)
    constant: Callable[[float], float] | None = None

    def constant_loss(self, share: float) -> float:
        """Returns the mean loss of the best constant prediction if a share of the images, in 0..1, is malignant."""
        if self.constant is not None:
            return self.constant(share)
        import numpy as np

        logits = np.linspace(*GRID)
        malignant, benign = (self.per_image(np.full(len(logits), label), logits) for label in (1.0, 0.0))
        return float((share * malignant + (1 - share) * benign).min())


def cross_entropy(labels: "NDArray[np.float64]", logits: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Returns (n,) binary cross-entropies."""
    import numpy as np

    return np.logaddexp(0, logits) - labels * logits


def focal(labels: "NDArray[np.float64]", logits: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Returns (n,) focal losses: the cross-entropy times a power of the probability of the wrong class."""
    import numpy as np

    wrong = np.exp(-np.logaddexp(0, np.where(labels == 1, logits, -logits)))
    return wrong**FOCUS * cross_entropy(labels, logits)


def entropy(share: float) -> float:
    """Returns the entropy of the labels if a share of the images is malignant."""
    return -sum(part * math.log(part) for part in (share, 1 - share) if part > 0)


LOSSES = {
    "cross_entropy": LossContract("BinaryCrossentropy", cross_entropy, constant=entropy),
    "focal": LossContract("BinaryFocalCrossentropy", focal, {"gamma": FOCUS}),
}
LOSS_NAMES = Names(registry=LOSSES)  # every value of `optim.loss`


@dataclass(frozen=True)
class Objective:
    """The mean loss that a training minimises.

    Attributes:
        loss: a key of `LOSSES`.
        share: share of malignant images among the training images, in 0..1.
        class_weights: factors of the losses of benign and of malignant images; None: all images count alike.
    """

    loss: str
    share: float
    class_weights: tuple[float, float] | None = None

    @property
    def constant(self) -> float:
        """The objective's value for the best constant prediction: what a network that learns must get below."""
        contract = LOSSES[self.loss]
        if self.class_weights is None:
            return contract.constant_loss(self.share)
        benign, malignant = (1 - self.share) * self.class_weights[0], self.share * self.class_weights[1]
        return (benign + malignant) * contract.constant_loss(malignant / (benign + malignant))

    def mean(self, labels: "ArrayLike", logits: "ArrayLike") -> float:
        """Returns the objective's value for (n,) labels and (n,) logits; NaN if a logit is not finite."""
        import numpy as np

        classes, scores = np.asarray(labels, np.float64), np.asarray(logits, np.float64)
        if not np.isfinite(scores).all():
            return math.nan
        losses = LOSSES[self.loss].per_image(classes, scores)
        if self.class_weights is not None:
            losses = losses * np.where(classes == 1, self.class_weights[1], self.class_weights[0])
        return float(np.mean(losses))


def objective(loss: str, class_weight: str, labels: "ArrayLike") -> Objective:
    """Returns the objective of a training.

    Args:
        loss: a key of `LOSSES`.
        class_weight: `none`; or `balanced`: a class counts as much as the other, whatever its share.
        labels: (n,) 0/1, of the training images.
    """
    import numpy as np

    share = float(np.mean(np.asarray(labels)))
    if class_weight == "none" or not 0 < share < 1:
        return Objective(loss, share)
    return Objective(loss, share, (1 / (2 * (1 - share)), 1 / (2 * share)))
