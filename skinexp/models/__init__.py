"""Networks by name, and what they predict."""

from collections.abc import Callable

from skinexp.config.schema import Model
from skinexp.models.classifier import Classifier
from skinexp.models.scratch import scratch
from skinexp.models.transfer import transfer

MODELS: dict[str, Callable[[Model, int], Classifier]] = {
    "scratch": scratch,
    "mobilenet": transfer,
    "efficientnet": transfer,
}


def build(options: Model, size: int) -> Classifier:
    """One flat graph from pixels (n, size, size, 3) in 0..255 to logits (n, 1)."""
    return MODELS[options.name](options, size)


__all__ = ["MODELS", "Classifier", "build"]
