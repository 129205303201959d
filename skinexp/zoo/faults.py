"""Faults that no option produces: each is a set of training steps in which one function does something wrong."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from keras import layers

from skinexp import models, training
from skinexp.config.schema import Augment, Config, Data, Model
from skinexp.data import pipeline
from skinexp.data.pipeline import Batches
from skinexp.data.preparation import image_cache
from skinexp.data.preparation.image_cache import Prepared
from skinexp.data.sources import registry
from skinexp.data.table import Table
from skinexp.models import Classifier
from skinexp.models.classifier import FEATURES
from skinexp.training import Training
from skinexp.training.callbacks import EpochRow
from skinexp.training.fit import Watching
from skinexp.training.phase_task import PhaseTask
from skinexp.training.phases import Phase
from skinexp.workflows.training_steps import Fit, TrainingSteps

Weights = list[np.ndarray]

# --- steps that do something wrong ------------------------------------------------------------------------------------


def changed_network(change: Callable[[keras.Model], None]) -> TrainingSteps:
    """Returns steps that change the network after it was built."""

    def build(options: Model, size: int) -> Classifier:
        classifier = models.build(options, size)
        change(classifier.network)
        return classifier

    return TrainingSteps(build_model=build)


def another_network(draw: Callable[[int], keras.Model], last_convolution: str) -> TrainingSteps:
    """Returns steps that train another network, whatever the options say.

    Args:
        draw: builds the network for images of a size in pixels.
        last_convolution: the name of its last convolution.
    """

    def build(options: Model, size: int) -> Classifier:
        planned = models.build(options, size)
        return replace(planned, network=draw(size), backbone=(), last_convolution=last_convolution, pretrained=False)

    return TrainingSteps(build_model=build)


def changed_images(change: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> TrainingSteps:
    """Returns steps that change the prepared images.

    Args:
        change: takes (N, s, s, 3) uint8 pixels, a copy, and (N,) labels 0/1; returns (N, s, s, 3) pixels.
    """

    def prepare(table: Table, options: Data) -> Prepared:
        prepared = image_cache.prepare(table, options)
        labels = np.zeros(len(prepared.images), int)
        labels[prepared.table.frame["row"]] = prepared.table.frame["label"]
        return replace(prepared, images=change(np.array(prepared.images), labels))

    return TrainingSteps(prepare=prepare)


def wrong_manifest(change: Callable[[np.ndarray], np.ndarray]) -> TrainingSteps:
    """Returns steps that change the (n,) labels of the data set, as a wrong manifest would."""

    def load(options: Data, seed: int) -> Table:
        table = registry.load(options, seed)
        return replace(table, frame=table.frame.assign(label=change(table.frame["label"].to_numpy())))

    return TrainingSteps(load=load)


def wrong_training_labels(change: Callable[[np.ndarray], np.ndarray]) -> TrainingSteps:
    """Returns steps that change the (n,) labels of the training batches only, as a wrong pipeline would."""

    def make_batches(pixels: np.ndarray, frame: pd.DataFrame, options: Augment, batch_size: int, seed: int) -> Batches:
        batches = pipeline.batches(pixels, frame, options, batch_size, seed)
        batches.train.labels = change(batches.train.labels)
        return batches

    return TrainingSteps(make_batches=make_batches)


def last_weights_kept() -> TrainingSteps:
    """Returns steps that keep the weights of the last epoch, not those of the best one."""
    return TrainingSteps(fit=_fit_and_keep(lambda first, last: last))


def first_weights_kept() -> TrainingSteps:
    """Returns steps that keep the weights from before the first epoch, not those of the best one."""
    return TrainingSteps(fit=_fit_and_keep(lambda first, last: first))


def _fit_and_keep(choose: Callable[[Weights, Weights], Weights]) -> Fit:
    """Returns `training.fit`, but with other weights left in the network.

    Args:
        choose: takes the weights from before the first epoch and those after the last one; returns those to keep.
    """

    def fit(
        classifier: Classifier,
        batches: Batches,
        config: Config,
        directory: Path,
        on_epoch: Callable[[EpochRow], None] = lambda row: None,
        watch: Watching = lambda phase, task: [],
    ) -> Training:
        first, last = classifier.network.get_weights(), LastWeights(classifier.network)

        def watch_and_remember(phase: Phase, task: PhaseTask) -> list[keras.callbacks.Callback]:
            return [*watch(phase, task), last]

        trained = training.fit(classifier, batches, config, directory, on_epoch, watch_and_remember)
        classifier.network.set_weights(choose(first, last.weights))
        return trained

    return fit


class LastWeights(keras.callbacks.Callback):
    """The weights of the last epoch, before the training puts back those of the best one."""

    def __init__(self, network: keras.Model):
        super().__init__()
        self.weights: Weights = []
        self._network = network

    def on_train_end(self, logs=None):
        self.weights = self._network.get_weights()


# --- wrong labels, images, weights and networks -----------------------------------------------------------------------


def shuffled(labels: np.ndarray) -> np.ndarray:
    """Returns the (n,) labels in random order."""
    return np.random.default_rng(1).permutation(labels)


def shifted(labels: np.ndarray) -> np.ndarray:
    """Returns the (n,) labels, each moved to the next image."""
    return np.roll(labels, 1)


def inverted(labels: np.ndarray) -> np.ndarray:
    """Returns the (n,) labels with benign and malignant exchanged."""
    return 1 - labels


def sticker(pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns images with a coloured sticker in one corner of the malignant ones."""
    side = max(3, pixels.shape[1] // 8)
    pixels[labels == 1, :side, :side] = (30, 60, 200)
    return pixels


def red_cast(pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns images of which the malignant ones have a red cast, as if from another camera."""
    tinted = pixels.astype(np.float32)
    tinted[labels == 1] *= (1.0, 0.75, 0.75)
    return tinted.astype(np.uint8)


def half_blank(pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns images of which every second one is grey."""
    pixels[::2] = 128
    return pixels


def noise(pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns random pixels instead of the images."""
    return np.random.default_rng(1).integers(0, 256, pixels.shape, np.uint8)


def unit_range(pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns the images scaled to 0..1, which the network scales once more."""
    return pixels.astype(np.float32) / 255


def changed_weights(
    layer: str, position: int, change: Callable[[np.ndarray], np.ndarray]
) -> Callable[[keras.Model], None]:
    """Returns a function that changes one array of a layer's weights in place.

    Args:
        layer: the layer's name.
        position: of the array among the layer's weights.
        change: takes the array and returns the one to set.
    """

    def change_weights(network: keras.Model) -> None:
        arrays = network.get_layer(layer).get_weights()
        arrays[position] = change(arrays[position])
        network.get_layer(layer).set_weights(arrays)

    return change_weights


def one_nan(kernel: np.ndarray) -> np.ndarray:
    """Returns the kernel with NaN as its first weight."""
    kernel.flat[0] = np.nan
    return kernel


def sigmoids(size: int) -> keras.Model:
    """Builds a network of ten sigmoid convolutions without normalization, in which gradients vanish."""
    pixels = keras.Input((size, size, 3), name="pixels")
    x = layers.Rescaling(1 / 255, name="input_scaling")(pixels)
    for number in range(10):
        stride = 2 if number in (0, 3, 6) else 1
        x = layers.Conv2D(24, 3, stride, padding="same", activation="sigmoid", name=f"conv{number}")(x)
    x = layers.GlobalAveragePooling2D(name=FEATURES)(x)
    return keras.Model(pixels, layers.Dense(1, name="logit")(x), name="sigmoids")


def one_unit(size: int) -> keras.Model:
    """Builds a network that sees only the mean brightness, through one unit and much dropout."""
    pixels = keras.Input((size, size, 3), name="pixels")
    x = layers.Rescaling(1 / 255, name="input_scaling")(pixels)
    x = layers.AveragePooling2D(size, name="brightness")(x)
    x = layers.Conv2D(1, 1, activation="tanh", name="conv")(x)
    x = layers.GlobalAveragePooling2D(name=FEATURES)(x)
    x = layers.Dropout(0.9)(x)
    return keras.Model(pixels, layers.Dense(1, name="logit")(x), name="one_unit")


def fixed_output(network: keras.Model) -> None:
    """Sets the last layer's kernel to zero and freezes it, so that all logits are equal."""
    logit = network.get_layer("logit")
    logit.set_weights([np.zeros_like(logit.get_weights()[0]), logit.get_weights()[1]])
    logit.kernel.trainable = False
