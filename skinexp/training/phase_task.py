"""The task of a phase: the whole network on images, or the layers above a cut on cached features."""

import logging
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from skinexp.config.schema import Compute, Config
from skinexp.data import pipeline
from skinexp.data.augment import Augmentation
from skinexp.data.pipeline import Batches, EpochBatches
from skinexp.models import Classifier
from skinexp.models.classifier import FEATURES
from skinexp.training import cut, features, phases
from skinexp.training.augmented_model import AugmentedModel
from skinexp.training.phases import Phase

log = logging.getLogger(__name__)

STEPS_AT_ONCE = 32  # of a head on its features, in one call; on other backends than TensorFlow they would be unrolled
SHARE_OF_DISK = 0.5  # that cached features may take of what is free


@dataclass(frozen=True)
class PhaseTask:
    """The model that a phase trains, and the batches that it is trained on.

    Attributes:
        model: the whole network, or the layers above the cut.
        batches: of training images, or of their activations at the cut.
        validation: as Keras' validation_data.
        layer: the layer at which the network is cut; None for the whole network.
        activations: (n, ...) activations of the validation images there; None for the whole network.
        steps_at_once: number of steps between which no callback is called.
    """

    model: keras.Model
    batches: EpochBatches
    validation: Any
    layer: str | None = None
    activations: np.ndarray | None = None
    steps_at_once: int = 1

    def compile(self, optimizer: keras.Optimizer, loss: keras.losses.Loss, compute: Compute) -> None:
        """Compiles the model with the metrics of every training."""
        self.model.compile(
            optimizer=optimizer,
            loss=loss,
            metrics=[
                keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0),  # a logit of 0 is a probability of 0.5
                keras.metrics.AUC(name="auc", from_logits=True),
            ],
            jit_compile=bool(compute.jit_compile),
            steps_per_execution=self.steps_at_once,
        )


def choose_cut(phase: Phase, classifier: Classifier, batches: Batches, config: Config) -> str | None:
    """Returns the layer at which to cut a phase, so that it takes the least time; None for the whole network.

    It depends on the free space that the disk has now.
    """
    layer = cut.find_cut_layer(phase, classifier)
    wanted = {"auto": True, "head": layer == FEATURES, "off": False}
    if layer is None or not wanted[config.training.features]:
        return None
    size = features.size(classifier, layer, batches, _views(phase, config))
    return layer if _fits(size, Path(config.data.cache)) else None


def precompute_validation_features(classifier: Classifier, batches: Batches, config: Config) -> np.ndarray | None:
    """Returns (n, ...) activations of the validation images at the first phase's cut; None if it has none.

    The training later finds them in the cache. The preflight checks use them before.
    """
    phase = phases.plan(classifier, config.model, config.optim)[0]
    layer = choose_cut(phase, classifier, batches, config)
    return features.validation_features(classifier, layer, batches, Path(config.data.cache)) if layer else None


def build_phase_task(
    phase: Phase, layer: str | None, classifier: Classifier, batches: Batches, config: Config, first: int
) -> PhaseTask:
    """Returns the task of a phase.

    Args:
        phase: one that was entered.
        layer: the layer at which the network is cut; None: it is trained as a whole.
        classifier: whose network is trained.
        batches: of the training and validation images.
        config: the whole configuration.
        first: the epoch that the phase begins with, counted from 0 through all phases.
    """
    augmentation = Augmentation(config.augment)
    if layer is None:
        model = AugmentedModel(classifier.network, augmentation)
        return PhaseTask(model, batches.train, pipeline.evaluation_batches(batches.val, batches.batch_size))
    cache, views = Path(config.data.cache), _views(phase, config)
    draw = partial(features.training_features, classifier, layer, batches, augmentation, views, cache)
    labels = batches.train.labels
    training = features.FeatureBatches(draw, labels, batches.batch_size, config.seed, first, config.training.redraw)
    activations = features.validation_features(classifier, layer, batches, cache)
    rows = np.arange(len(activations))
    validation = pipeline.in_order(activations, rows, batches.val.labels, batches.batch_size)
    # A step of the head takes less time than the call of a step.
    at_once = STEPS_AT_ONCE if layer == FEATURES and keras.backend.backend() == "tensorflow" else 1
    return PhaseTask(cut.HeadModel(classifier, layer), training, validation, layer, activations, at_once)


def _views(phase: Phase, config: Config) -> int:
    return min(config.training.views, phase.epochs)  # more would take longer than the phase without a cache


def _fits(size: int, cache: Path) -> bool:
    cache.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(cache).free
    if size <= SHARE_OF_DISK * free:
        return True
    log.warning(
        "Features  not cached: they would take %.1f GB of the %.1f GB that are free under data.cache=%s",
        size / 1e9,
        free / 1e9,
        cache,
    )
    return False
