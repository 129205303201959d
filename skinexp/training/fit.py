"""Trains a network phase by phase on one axis of epochs, and leaves the best weights in it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras
import pandas as pd

from skinexp.config.schema import Config, Model
from skinexp.contracts.losses import objective
from skinexp.core import run_files, terminal
from skinexp.core.number_format import counted, three_decimals
from skinexp.data.pipeline import Batches
from skinexp.models import Classifier
from skinexp.training import checkpoints, optimizers, phases
from skinexp.training.callbacks import BestWeights, EpochLogger, EpochRow, EpochSync, ProgressBar
from skinexp.training.checkpoint_callback import CheckpointCallback
from skinexp.training.keras_losses import build_loss, log_objective
from skinexp.training.phase_task import PhaseTask, build_phase_task, choose_cut
from skinexp.training.phases import Phase
from skinexp.training.stoppers import build_stoppers
from skinexp.training.tensorboard import TensorBoard

log = logging.getLogger(__name__)

Watching = Callable[[Phase, PhaseTask], list[keras.callbacks.Callback]]


@dataclass(frozen=True)
class Training:
    """The outcome of a training; the best weights are in the network.

    Attributes:
        history: one row per epoch: epoch (from 1, counting on through phases), phase, seconds, lr, train/loss,
            train/accuracy, train/auc, the same with val/, what the callbacks of `watch` added, and best (bool: the
            epoch whose weights were kept).
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
    on_epoch: Callable[[EpochRow], None] = lambda row: None,
    watch: Watching = lambda phase, task: [],
) -> Training:
    """Trains the network in place; resumes an interrupted training of this directory, with the same outcome.

    Args:
        classifier: as it was built, also if an interrupted training has changed its weights before.
        batches: of the training and validation images.
        config: the whole configuration.
        directory: the run's; `checkpoints/` and `tensorboard/` are written into it.
        on_epoch: called with each epoch's row at once. A resumed training calls it again for the epochs since its last
            checkpoint, with the same numbers but for the seconds.
        watch: returns callbacks that observe a phase and change nothing; at its end they see the weights of its last
            epoch.

    Raises:
        NonFiniteLoss: if the loss is not finite.
        UserError: if the disk has no room.
    """
    plan = phases.plan(classifier, config.model, config.optim)
    loss = _build_loss(config, batches)
    dropout = phases.dropout_rates(classifier.network)
    logger, best = EpochLogger(on_epoch, plan[0]), BestWeights(config.optim.monitor, classifier.network)
    fingerprint = checkpoints.fingerprint(classifier, plan, batches, config)
    checkpoint = CheckpointCallback(directory / checkpoints.FOLDER, fingerprint, classifier.network, logger, best)
    _log_resumed(logger.rows, checkpoint.finished == len(plan))
    for number, phase in enumerate(plan):
        phases.enter(phase, classifier.network, dropout)
        if number < checkpoint.finished:
            continue
        log.info("Training  %s", _describe(phase, classifier, config.model))
        layer = checkpoint.cut(phase, partial(choose_cut, phase, classifier, batches, config))
        first = sum(row["phase"] != phase.name for row in logger.rows)
        task = build_phase_task(phase, layer, classifier, batches, config, first)
        logger.phase, checkpoint.stoppers = phase, build_stoppers(config.optim)
        observers = [EpochSync(task.batches), *watch(phase, task), logger, best, *checkpoint.stoppers]
        observers += _tensorboard(config, directory)
        _fit_phase(phase, task, loss, config, range(first, len(logger.rows)), observers, checkpoint)
        checkpoint.finish_phase()
        _log_outcome(logger.rows[first:], best.epoch)
    history = pd.DataFrame(logger.rows)
    history["best"] = history["epoch"] == best.epoch
    return Training(history, best.epoch, tuple(phase.name for phase in plan))


def _fit_phase(
    phase: Phase,
    task: PhaseTask,
    loss: keras.losses.Loss,
    config: Config,
    trained: range,
    observers: list[keras.callbacks.Callback],
    checkpoint: CheckpointCallback,
) -> None:
    """Trains one phase to its end.

    Args:
        trained: the epochs of the phase that were trained before an interruption, counted from 0 through all phases.
        observers: callbacks, in order; the progress bar and the checkpoint come after them.
    """
    steps = task.batches.steps
    task.compile(optimizers.build(config.optim, phase.lr, phase.epochs * steps), loss, config.compute)
    with terminal.bar(phase.name, phase.epochs * steps) as bar:
        bar.advance(len(trained) * steps)
        task.model.fit(
            task.batches.dataset(),
            validation_data=task.validation,
            initial_epoch=trained.stop,
            epochs=trained.start + phase.epochs,
            callbacks=[*observers, ProgressBar(bar, phase, trained.start), checkpoint],
            shuffle=False,  # the batches come shuffled
            verbose=0,
        )


def _build_loss(config: Config, batches: Batches) -> keras.losses.Loss:
    goal = objective(config.optim.loss, config.optim.class_weight, batches.train.labels)
    log_objective(goal, config.evaluate.calibration)
    return build_loss(goal)


def _tensorboard(config: Config, directory: Path) -> list[keras.callbacks.Callback]:
    if not config.tracking.tensorboard:
        return []
    logs = str(directory / run_files.TENSORBOARD)
    return [TensorBoard(logs, histogram_freq=int(config.tracking.histograms), write_graph=False)]


def _log_resumed(rows: list[EpochRow], finished: bool) -> None:
    if rows:
        log.info("Training  %s after epoch %d", "is finished" if finished else "resumes", len(rows))


def _describe(phase: Phase, classifier: Classifier, model: Model) -> str:
    what = phases.LEARNS[phase.name]
    if phase.name != "train" and model.batch_norm == "trained":
        what += " and all BatchNormalization"
    return (
        f"{what}: {classifier.trainable_parameters:,} of {classifier.parameters:,} parameters, "
        f"at most {counted(phase.epochs, 'epoch')} at learning rate {phase.lr:g}"
    )


def _log_outcome(rows: list[EpochRow], best_epoch: int) -> None:
    seconds = sum(row["seconds"] for row in rows)
    kept = next((row for row in rows if row["epoch"] == best_epoch), None)
    if kept is None:
        outcome = f"no epoch was better than epoch {best_epoch}, whose weights are kept"
    else:
        outcome = (
            f"best epoch {best_epoch}: validation loss {kept['val/loss']:.3f}, AUC {three_decimals(kept['val/auc'])}"
        )
    log.info("          %s in %.0f s; %s", counted(len(rows), "epoch"), seconds, outcome)
