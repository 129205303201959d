"""Networks by name, and their predictions."""

from skinexp.config.schema import Model
from skinexp.contracts.backbones import CONTRACTS
from skinexp.models.classifier import Classifier
from skinexp.models.scratch import scratch
from skinexp.models.transfer import transfer


def build(options: Model, size: int) -> Classifier:
    """Returns a network as one flat graph from pixels (n, size, size, 3) in 0..255 to logits (n, 1).

    Args:
        options: which network, and from which weights.
        size: pixels per side of the images.

    Raises:
        UserError: if the weights cannot be had, or do not fit.
    """
    return transfer(options, size) if options.name in CONTRACTS else scratch(options, size)


__all__ = ["Classifier", "build"]
