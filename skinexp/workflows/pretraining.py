"""The story of a pretraining, one noun a line: phantoms, factors, network, statistics, what it tells, weights."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from skinexp.config.schema import Pretraining
from skinexp.core import terminal
from skinexp.data.pipeline import Images, TrainingBatches
from skinexp.data.preparation import image_cache
from skinexp.data.sources import registry
from skinexp.data.split import split
from skinexp.models import packed_weights
from skinexp.models.backbones import CONTRACTS
from skinexp.pretraining import batchnorm_statistics, factor_network, phantom_targets, weights_card
from skinexp.pretraining.factor_network import resized

log = logging.getLogger(__name__)


class FactorBatches(TrainingBatches):
    """Training batches whose labels are factors: (n, k) of `images.labels`."""

    def plan(self) -> tuple[np.ndarray, ...]:
        rows, draws, column = super().plan()
        return rows, draws, column[:, 0]


def run(config: Pretraining, directory: Path, about: dict[str, Any]) -> Path:
    """Trains a backbone to tell the factors of phantoms, and writes its weights and their card.

    Args:
        directory: to write into.
        about: what else the card shall say: how the command was typed, and on what it ran.

    Returns:
        The file of the weights.
    """
    table = registry.load(config.data, config.seed)
    log.info("Data      %s", table)
    prepared = image_cache.prepare(table, config.data)
    frame = prepared.table.frame
    parts = (split(frame, config.data.split, config.seed) == "train").to_numpy()
    truth = phantom_targets.of(frame["position"], config.seed, config.data.phantom)
    learned, held_out = (
        Images(prepared.images, frame["row"].to_numpy()[part], truth[part]) for part in (parts, ~parts)
    )
    batches = FactorBatches(learned, config.augment, config.optim.batch_size, config.seed)
    pretrained = factor_network.build(config.model, len(phantom_targets.TARGETS))

    start = time.perf_counter()
    losses = factor_network.learn(pretrained, batches, config, directory)
    running = asked(pretrained.network, held_out, config)
    batchnorm_statistics.settle(pretrained.network, at_both_sizes(learned, config))
    final = asked(pretrained.network, held_out, config)
    seconds = time.perf_counter() - start

    told = phantom_targets.told(final, truth[~parts], frame["label"].to_numpy()[~parts])
    log.info("Told      %s", ", ".join(f"{name} {next(iter(score.values())):.2f}" for name, score in told.items()))
    results = {
        "losses": losses,
        "seconds": round(seconds),
        "held_out": {
            "loss_with_running_statistics": _loss(running, held_out),
            "loss_with_final_statistics": _loss(final, held_out),
            "told": told,
        },
    }
    file = directory / f"{CONTRACTS[config.model.name].file_prefix(config.model.alpha)}phantom{packed_weights.SUFFIX}"
    counts = {"learned": len(learned), "held_out": len(held_out)}
    written = packed_weights.write(
        pretrained.backbone, file, weights_card.card(config, table.digest, counts) | about | results
    )
    log.info("Weights   %s (%.1f MB), with their card", terminal.from_here(file), written["bytes"] / 1e6)
    return file


def asked(taught: keras.Model, images: Images, config: Pretraining) -> np.ndarray:
    """(n, k) logits of images at their full size, in inference mode."""
    batches = _in_batches(images, len(images), config.optim.batch_size)
    return np.concatenate([ops.convert_to_numpy(taught(ops.cast(batch, "float32"))) for batch in batches])


def at_both_sizes(images: Images, config: Pretraining) -> Iterator[Any]:
    """Batches of equal size of the first images, small and large as they were learned from, not augmented."""
    count, batch = config.pretrain.statistics, config.optim.batch_size
    whole = max(min(count, len(images)) // batch, 1) * batch
    for size in (config.pretrain.small_size, config.data.preprocess.size):
        for pixels in _in_batches(images, whole, batch):
            yield resized(pixels, size)


def _in_batches(images: Images, count: int, batch_size: int) -> Iterator[np.ndarray]:
    members = np.arange(min(count, len(images)))
    for first in range(0, len(members), batch_size):
        yield images.read(members[first : first + batch_size])


def _loss(logits: np.ndarray, images: Images) -> float:
    return round(float(factor_network.loss()(images.labels, logits)), 4)
