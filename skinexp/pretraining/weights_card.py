"""The card of pretrained weights: what they are, and all that it takes to make them again."""

import importlib.metadata
from dataclasses import asdict
from typing import Any

from skinexp.config.schema import Pretraining
from skinexp.data import phantom
from skinexp.models.backbones import CONTRACTS
from skinexp.pretraining import phantom_targets

LICENCE = "Apache-2.0"  # skinexp's own: nothing but its phantoms went into the weights
OPTIM = ("name", "lr", "weight_decay", "batch_size", "epochs")  # what of the group counts here
PACKAGES = ("keras", "tensorflow", "numpy", "opencv-python-headless")


def card(config: Pretraining, digest: str, counts: dict[str, int]) -> dict[str, Any]:
    """What was asked for.

    Args:
        digest: of the table of phantoms.
        counts: images that were learned from, and held out.
    """
    model, contract = config.model, CONTRACTS[config.model.name]
    return {
        "backbone": contract.application,
        "alpha": model.alpha,
        "input": f"RGB 0..255, which skinexp scales to what the backbone expects ({contract.input_scaling})",
        "licence": LICENCE,
        "data": {
            "name": "phantom",
            "version": phantom.VERSION,
            "seed": config.seed,
            "digest": digest,
            **counts,
            **asdict(config.data.phantom),
        },
        "recipe": {
            "learns": list(phantom_targets.TARGETS),
            "size": config.data.preprocess.size,
            **asdict(config.pretrain),
            "batch_norm_momentum": model.batch_norm_momentum,
            "optim": {name: getattr(config.optim, name) for name in OPTIM},
            "augment": asdict(config.augment),
        },
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
    }
