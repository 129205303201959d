"""Trains at a learning rate that grows from step to step, and takes down the loss of each batch."""

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
from skinexp.core import terminal
from skinexp.data.pipeline import Batches, EpochBatches
from skinexp.models import Classifier
from skinexp.training import optimizers, phases, range_test
from skinexp.training.phase_task import course, shortest_cut

log = logging.getLogger(__name__)

TOLD = 10  # lines that a test without a terminal tells of its way


def ramp(classifier: Classifier, batches: Batches, config: RangeTest) -> pd.DataFrame:
    """Trains the first phase of a network as `fit` would, but for the learning rate; it keeps nothing of that.

    Args:
        classifier: as it was built. Its weights are the same afterwards; the layers of its first phase are those that
            learn.

    Returns:
        One row a step that was made, as `range_test.table` has it.
    """
    phase = phases.plan(classifier, config.model, config.optim)[0]
    phases.enter(phase, classifier.network, phases.dropout_rates(classifier.network))
    planned = range_test.rates(config.lr_find)
    learns = phases.LEARNS[phase.name]
    log.info("Range     %s: %d steps at rates from %g to %g", learns, len(planned), planned[0], planned[-1])
    layer = shortest_cut(phase, classifier, batches, config)
    way = replace(course(phase, layer, classifier, batches, config, first=0), steps_at_once=1)
    way.compile(optimizers.without_schedule(config.optim, config.lr_find.min), config.compute)
    losses: list[float] = []
    with weights_kept(classifier.network), terminal.bar("Range", len(planned)) as bar:
        for rate, (inputs, labels) in zip(planned, epoch_after_epoch(way.batches), strict=False):
            way.model.optimizer.learning_rate = float(rate)
            # Not in `fit`, whose loss is an average over all batches of the epoch so far.
            losses.append(float(way.model.train_on_batch(inputs, labels, return_dict=True)["loss"]))
            bar.advance()
            bar.say(f"rate {rate:.1e}, loss {losses[-1]:.3f}")
            if len(losses) % max(1, len(planned) // TOLD) == 0:
                log.debug("  step %d/%d: rate %.1e, loss %.3f", len(losses), len(planned), rate, losses[-1])
            if range_test.left_bounds(np.array(losses), range_test.reach(planned)):
                break
    return range_test.table(planned, np.array(losses))


def epoch_after_epoch(batches: EpochBatches) -> Iterator[Any]:
    """Batches without end, shuffled and augmented as the epochs of a training are."""
    dataset = batches.dataset()
    for epoch in itertools.count():
        batches.begin(epoch)
        yield from dataset.as_numpy_iterator()


@contextmanager
def weights_kept(network: keras.Model) -> Iterator[None]:
    """Puts everything that training changes back: weights, statistics, and the seeds of dropout."""
    before = [(variable, keras.ops.convert_to_numpy(variable)) for variable in network.variables]
    try:
        yield
    finally:
        for variable, value in before:
            variable.assign(value)
