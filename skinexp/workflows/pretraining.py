"""The pretraining workflow: trains a network on the factors of phantoms, and writes its weights and their card."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from skinexp.config.schema import Pretraining
from skinexp.core import invocation, terminal
from skinexp.core.errors import sentence_of
from skinexp.data.pipeline import Images, TrainingBatches
from skinexp.models import packed_weights
from skinexp.models.backbone_graphs import CONTRACTS
from skinexp.pretraining import factor_network, phantom_targets, weights_card
from skinexp.pretraining.batchnorm_statistics import recompute_batchnorm_statistics
from skinexp.pretraining.factor_network import resized
from skinexp.workflows.dataset import load_dataset, without_audit

log = logging.getLogger(__name__)


class FactorBatches(TrainingBatches):
    """Training batches whose labels are factors: (n, k) of `images.labels`."""

    def plan(self) -> tuple[np.ndarray, ...]:
        rows, draws, column = super().plan()
        return rows, draws, column[:, 0]


def run(config: Pretraining, directory: Path, about: dict[str, Any]) -> Path:
    """Trains a backbone to predict the factors of phantoms, and writes its weights and their card.

    Args:
        config: the recipe.
        directory: to write into.
        about: further entries of the card: the command, and the machine.

    Returns:
        The file of the weights.
    """
    prepared = load_dataset(without_audit(config)).prepared  # phantoms have no copies
    frame = prepared.table.frame
    is_training = (frame["split"] == "train").to_numpy()
    truth = phantom_targets.factor_targets(frame["position"], config.data_seed, config.data.phantom)
    training, held_out = (
        Images(prepared.images, frame["row"].to_numpy()[part], truth[part]) for part in (is_training, ~is_training)
    )
    batches = FactorBatches(training, config.augment, config.optim.batch_size, config.seed)
    pretrained = factor_network.build(config.model, len(phantom_targets.TARGETS))

    start = time.perf_counter()
    losses = factor_network.train(pretrained, batches, config, directory)
    running = predict_logits(pretrained.network, held_out, config)
    recompute_batchnorm_statistics(pretrained.network, batches_of_both_sizes(training, config))
    final = predict_logits(pretrained.network, held_out, config)
    seconds = time.perf_counter() - start

    scores = _held_out_scores(final, truth[~is_training], frame["label"].to_numpy()[~is_training])
    results = {
        "losses": losses,
        "seconds": round(seconds),
        "held_out": {
            "loss_with_running_statistics": _loss(running, held_out),
            "loss_with_final_statistics": _loss(final, held_out),
        },
        "held_out_scores": scores,
    }
    counts = {"learned": len(training), "held_out": len(held_out)}
    card = weights_card.card(config, prepared.table.digest, counts) | about | results
    file = directory / f"{CONTRACTS[config.model.name].file_prefix(config.model.alpha)}phantom{packed_weights.SUFFIX}"
    written = packed_weights.write(pretrained.backbone, file, card)
    log.info("Weights   %s (%.1f MB), with their card", terminal.from_here(file), written["bytes"] / 1e6)
    return file


def _held_out_scores(logits: np.ndarray, truth: np.ndarray, labels: np.ndarray) -> dict[str, dict[str, float]]:
    """Returns and logs the scores on images that were not trained on; none if that fails: the weights took longer."""
    try:
        scores = phantom_targets.held_out_scores(logits, truth, labels)
    except Exception as error:
        log.error("Held-out  scores failed: %s. The weights are written without them", sentence_of(error))
        logging.getLogger().error("", exc_info=True)  # the root logger writes to the log file alone
        invocation.current().exit_codes.append(invocation.FAILED)
        return {}
    log.info("Held-out  %s", ", ".join(f"{name} {next(iter(score.values())):.2f}" for name, score in scores.items()))
    return scores


def predict_logits(network: keras.Model, images: Images, config: Pretraining) -> np.ndarray:
    """Returns (n, k) logits of images at their full size, in inference mode."""
    batches = _in_batches(images, len(images), config.optim.batch_size)
    return np.concatenate([ops.convert_to_numpy(network(ops.cast(batch, "float32"))) for batch in batches])


def batches_of_both_sizes(images: Images, config: Pretraining) -> Iterator[Any]:
    """Yields batches of equal length of the first images, at the small and at the full size, without augmentation."""
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
