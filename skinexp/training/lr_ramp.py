"""Trains at a learning rate that grows from step to step, and records the loss of each batch."""

import itertools
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pandas as pd

from skinexp.config.schema import RangeTest
from skinexp.contracts.losses import objective
from skinexp.core import terminal
from skinexp.data.pipeline import Batches, EpochBatches
from skinexp.models import Classifier
from skinexp.training import optimizers, phases, range_test
from skinexp.training.keras_losses import build_loss
from skinexp.training.phase_task import build_phase_task, choose_cut

log = logging.getLogger(__name__)

LOG_LINES = 10  # progress lines of a range test without a terminal


def run_lr_range_test(classifier: Classifier, batches: Batches, config: RangeTest) -> pd.DataFrame:
    """Trains a network's first phase as `fit` does, but with a growing learning rate, and then restores its weights.

    Args:
        classifier: as it was built.
        batches: of the training images.
        config: the whole configuration.

    Returns:
        One row per step, as `range_test.table` returns it.
    """
    phase = phases.plan(classifier, config.model, config.optim)[0]
    phases.enter(phase, classifier.network, phases.dropout_rates(classifier.network))
    planned = range_test.rates(config.lr_find)
    learns = phases.LEARNS[phase.name]
    log.info("Range     %s: %d steps at rates from %g to %g", learns, len(planned), planned[0], planned[-1])
    layer = choose_cut(phase, classifier, batches, config)
    task = replace(build_phase_task(phase, layer, classifier, batches, config, first=0), steps_at_once=1)
    loss = build_loss(objective(config.optim.loss, config.optim.class_weight, batches.train.labels))
    task.compile(optimizers.without_schedule(config.optim, config.lr_find.min), loss, config.compute)
    losses: list[float] = []
    with weights_kept(classifier.network), terminal.bar("Range", len(planned)) as bar:
        for rate, (inputs, labels) in zip(planned, epoch_after_epoch(task.batches), strict=False):
            task.model.optimizer.learning_rate = float(rate)
            # Not in `fit`, whose loss is an average over all batches of the epoch so far.
            losses.append(float(task.model.train_on_batch(inputs, labels, return_dict=True)["loss"]))
            bar.advance()
            bar.say(f"rate {rate:.1e}, loss {losses[-1]:.3f}")
            if len(losses) % max(1, len(planned) // LOG_LINES) == 0:
                log.debug("  step %d/%d: rate %.1e, loss %.3f", len(losses), len(planned), rate, losses[-1])
            if range_test.left_bounds(np.array(losses), range_test.reach(planned)):
                break
    return range_test.table(planned, np.array(losses))


def epoch_after_epoch(batches: EpochBatches) -> Iterator[Any]:
    """Yields batches without end, shuffled and augmented as in the epochs of a training."""
    dataset = batches.dataset()
    for epoch in itertools.count():
        batches.begin(epoch)
        yield from dataset.as_numpy_iterator()


@contextmanager
def weights_kept(network: keras.Model) -> Iterator[None]:
    """Restores everything that training changes at the end: weights, statistics, and the seeds of dropout."""
    before = [(variable, keras.ops.convert_to_numpy(variable)) for variable in network.variables]
    try:
        yield
    finally:
        for variable, value in before:
            variable.assign(value)
