"""The card of pretrained weights: their properties, and everything that is needed to reproduce them."""

import importlib.metadata
from dataclasses import asdict
from typing import Any

from skinexp.config.schema import Pretraining
from skinexp.data import phantom
from skinexp.models.backbone_graphs import CONTRACTS
from skinexp.pretraining import phantom_targets

LICENCE = "Apache-2.0"  # skinexp's own, because the weights are trained on its phantoms only
OPTIM = ("name", "lr", "weight_decay", "batch_size", "epochs")  # options of the group that a pretraining reads
PACKAGES = ("keras", "tensorflow", "numpy", "opencv-python-headless")


def card(config: Pretraining, digest: str, counts: dict[str, int]) -> dict[str, Any]:
    """Returns the entries of a card that are known before the pretraining.

    Args:
        config: the recipe.
        digest: of the table of phantoms.
        counts: numbers of training images and of held-out images.
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
            "seed": config.data_seed,
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
