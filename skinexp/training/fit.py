"""Trains a network phase by phase on one axis of epochs, and leaves the best weights in it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras
import pandas as pd

from skinexp.config.schema import Config, Model, Optim
from skinexp.core import terminal
from skinexp.data.pipeline import Batches
from skinexp.models import Classifier
from skinexp.training import checkpoints, optimizers, phases
from skinexp.training.callbacks import BestWeights, EpochOrder, ProgressBar, Record, Recorder
from skinexp.training.checkpoint_callback import Memory
from skinexp.training.phase_task import Course, course, shortest_cut
from skinexp.training.phases import Phase
from skinexp.training.tensorboard import TensorBoard

log = logging.getLogger(__name__)

Watching = Callable[[Phase, Course], list[keras.callbacks.Callback]]


@dataclass(frozen=True)
class Training:
    """What a training leaves behind, beside the best weights in the network.

    Attributes:
        history: one row an epoch: epoch (from 1, counting on through phases), phase, seconds, lr, train/loss,
            train/accuracy, train/auc, the same with val/, what `watch` read, and best (bool: the epoch whose weights
            were kept).
        best_epoch: that epoch.
        phases: names of the phases, in order.
    """

    history: pd.DataFrame
    best_epoch: int
    phases: tuple[str, ...]


def fit(
    classifier: Classifier,
    batches: Batches,
    config: Config,
    directory: Path,
    on_epoch: Callable[[Record], None] = lambda record: None,
    watch: Watching = lambda phase, way: [],
) -> Training:
    """Trains the network in place; goes on where a training in this directory was interrupted, with the same outcome.

    Args:
        classifier: as it was built, also where an earlier life has trained it.
        directory: the run's; `checkpoints/` and `tensorboard/` are written into it.
        on_epoch: called with each epoch's record as soon as it is there. A training that goes on calls it again for the
            epochs since its last checkpoint, with the same numbers but for the seconds.
        watch: callbacks that look at a phase and change nothing; they see the weights of its last epoch at its end.

    Raises:
        NonFiniteLoss: where the loss is no number any more.
        UserError: where the disk has no room.
    """
    plan = phases.plan(classifier, config.model, config.optim)
    dropout = phases.dropout_rates(classifier.network)
    recorder, best = Recorder(on_epoch), BestWeights(config.optim.monitor, classifier.network)
    mark = checkpoints.fingerprint(classifier, plan, batches, config)
    memory = Memory(directory / checkpoints.FOLDER, mark, classifier.network, recorder, best)
    if recorder.records:
        outcome = "was finished" if memory.finished == len(plan) else "goes on"
        log.info("Training  %s after epoch %d", outcome, len(recorder.records))
    for number, phase in enumerate(plan):
        phases.enter(phase, classifier.network, dropout)
        if number < memory.finished:
            continue
        log.info("Training  %s", _describe(phase, classifier, config.model))
        layer = memory.cut(phase, partial(shortest_cut, phase, classifier, batches, config))
        done = len(recorder.records)
        first = sum(record["phase"] != phase.name for record in recorder.records)
        way = course(phase, layer, classifier, batches, config, first)
        optimizer = optimizers.build(config.optim, phase.lr, phase.epochs * way.batches.steps)
        way.compile(optimizer, config.compute)
        recorder.phase, memory.stoppers = phase, _stoppers(config.optim)
        with terminal.bar(phase.name, phase.epochs * way.batches.steps) as bar:
            bar.advance((done - first) * way.batches.steps)
            way.model.fit(
                way.batches.dataset(),
                validation_data=way.validation,
                initial_epoch=done,
                epochs=first + phase.epochs,
                callbacks=[
                    EpochOrder(way.batches),
                    *watch(phase, way),
                    recorder,
                    best,
                    *memory.stoppers,
                    *_tensorboard(config, directory),
                    ProgressBar(bar, phase, first),
                    memory,
                ],
                shuffle=False,  # the batches come shuffled
                verbose=0,
            )
        memory.finish_phase()
        _summarise(recorder.records[first:], best.epoch)
    history = pd.DataFrame(recorder.records)
    history["best"] = history["epoch"] == best.epoch
    return Training(history, best.epoch, tuple(phase.name for phase in plan))


def _stoppers(optim: Optim) -> list[keras.callbacks.Callback]:
    mode = "min" if optim.monitor.endswith("loss") else "max"
    stop = keras.callbacks.EarlyStopping(monitor=optim.monitor, mode=mode, patience=optim.patience)
    if optim.schedule == "cosine":
        return [stop]
    reduce = optim.reduce_lr
    return [
        stop,
        keras.callbacks.ReduceLROnPlateau(
            monitor=optim.monitor, mode=mode, factor=reduce.factor, patience=reduce.patience, min_lr=reduce.min_lr
        ),
    ]


def _tensorboard(config: Config, directory: Path) -> list[keras.callbacks.Callback]:
    if not config.tracking.tensorboard:
        return []
    return [
        TensorBoard(str(directory / "tensorboard"), histogram_freq=int(config.tracking.histograms), write_graph=False)
    ]


def _describe(phase: Phase, classifier: Classifier, model: Model) -> str:
    what = phases.LEARNS[phase.name]
    if phase.name != "train" and model.batch_norm == "trained":
        what += " and all BatchNormalization"
    return (
        f"{what}: {classifier.trainable_parameters:,} of {classifier.parameters:,} parameters, "
        f"at most {phase.epochs} epochs at learning rate {phase.lr:g}"
    )


def _summarise(records: list[Record], best_epoch: int) -> None:
    seconds = sum(record["seconds"] for record in records)
    kept = next((record for record in records if record["epoch"] == best_epoch), None)
    if kept is None:
        outcome = f"no epoch better than epoch {best_epoch}, which is kept"
    else:
        outcome = f"best epoch {best_epoch}: validation loss {kept['val/loss']:.3f}, AUC {kept['val/auc']:.3f}"
    log.info("          %d epochs in %.0f s; %s", len(records), seconds, outcome)
