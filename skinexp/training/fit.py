"""Trains a network phase by phase on one axis of epochs, and leaves the best weights in it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from skinexp import terminal
from skinexp.config import Config, Optim
from skinexp.data.augment import Augmentation
from skinexp.data.pipeline import Batches, EpochBatches, evaluation_batches
from skinexp.models import Classifier
from skinexp.training import features, optimizers, phases
from skinexp.training.callbacks import BestWeights, EpochOrder, ProgressBar, Record, Recorder
from skinexp.training.phases import Phase
from skinexp.training.trainee import Trainee

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Training:
    """What a training leaves behind, beside the best weights in the network.

    Attributes:
        history: one row an epoch: epoch (from 1, counting on through phases), phase, seconds, lr, train/loss,
            train/accuracy, train/auc, the same with val/, and best (bool: the epoch whose weights were kept).
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
) -> Training:
    """Trains the network in place.

    Args:
        directory: the run's; `checkpoints/` and `tensorboard/` are written into it.
        on_epoch: called with each epoch's record as soon as it is there.

    Raises:
        NonFiniteLoss: where the loss is no number any more.
    """
    checkpoints = directory / "checkpoints"
    checkpoints.mkdir(parents=True, exist_ok=True)
    augmentation = Augmentation(config.augment)
    dropout = phases.dropout_rates(classifier.network)
    plan = phases.plan(classifier, config.model, config.optim)
    recorder = Recorder(on_epoch)
    best = BestWeights(classifier.network, config.optim.monitor, checkpoints / "best.weights.h5")
    for phase in plan:
        done = len(recorder.records)
        recorder.phase = phase
        phases.enter(phase, classifier.network, dropout)
        log.info("Training  %s", _describe(phase, classifier))
        course = _course(phase, classifier, batches, augmentation, config)
        course.model.compile(
            optimizer=optimizers.build(config.optim, phase.lr, phase.epochs * course.batches.steps),
            loss=keras.losses.BinaryCrossentropy(from_logits=True),
            metrics=[
                keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0),  # a logit of 0 is a probability of 0.5
                keras.metrics.AUC(name="auc", from_logits=True),
            ],
            jit_compile=keras.backend.backend() == "jax",  # elsewhere compiling takes longer than it saves
        )
        with terminal.bar(phase.name, phase.epochs * course.batches.steps) as bar:
            course.model.fit(
                course.batches.dataset(),
                validation_data=course.validation,
                initial_epoch=done,
                epochs=done + phase.epochs,
                callbacks=[
                    EpochOrder(course.batches),
                    recorder,
                    best,
                    *_stoppers(config.optim),
                    *_tensorboard(config, directory),
                    ProgressBar(bar, phase),
                ],
                shuffle=False,  # the batches come shuffled
                verbose=0,
            )
        best.restore()
        _summarise(recorder.records[done:], best.epoch)
    history = pd.DataFrame(recorder.records)
    history["best"] = history["epoch"] == best.epoch
    return Training(history, best.epoch, tuple(phase.name for phase in plan))


@dataclass(frozen=True)
class Course:
    """What a phase trains, and on what."""

    model: keras.Model
    batches: EpochBatches
    validation: Any  # as Keras' validation_data


def _course(
    phase: Phase, classifier: Classifier, batches: Batches, augmentation: Augmentation, config: Config
) -> Course:
    if config.training.features == "off" or not features.applies(phase, classifier):
        trainee = Trainee(classifier.network, augmentation)
        return Course(trainee, batches.train, evaluation_batches(batches.val, batches.batch_size))
    cache = Path(config.data.cache)
    views = features.training_features(classifier, batches, augmentation, config.training.views, cache)
    drawn = features.FeatureBatches(views, batches.train.images.labels, batches.batch_size, config.seed)
    return Course(features.Head(classifier), drawn, features.validation_features(classifier, batches, cache))


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
        keras.callbacks.TensorBoard(
            str(directory / "tensorboard"), histogram_freq=int(config.tracking.histograms), write_graph=False
        )
    ]


def _describe(phase: Phase, classifier: Classifier) -> str:
    what = {
        "train": "all layers",
        "head": "the head on a frozen backbone",
        "fine_tune": "the head and the end of the backbone",
    }[phase.name]
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
