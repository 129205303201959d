"""How faults are planted that no override plants: contexts in which a function of the story does something else."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import keras
import numpy as np
from keras import layers

from skinexp.data.pipeline import Batches
from skinexp.data.preparation.image_cache import Prepared
from skinexp.data.table import Table
from skinexp.models import Classifier
from skinexp.models.classifier import FEATURES
from skinexp.training.callbacks import BestWeights
from skinexp.workflows import training

Hook = Callable[[], AbstractContextManager[None]]


def returning(place: Any, name: str, change: Callable[[Any], Any]) -> Hook:
    """Makes a function of the story return what `change` makes of what it returned."""

    @contextmanager
    def hook() -> Iterator[None]:
        function = getattr(place, name)
        with patch.object(place, name, lambda *arguments: change(function(*arguments))):
            yield

    return hook


def network(change: Callable[[keras.Model], None]) -> Hook:
    """Changes the network after it was built."""

    def changed(classifier: Classifier) -> Classifier:
        change(classifier.network)
        return classifier

    return returning(training.models, "build", changed)


def another_network(draw: Callable[[int], keras.Model], last: str) -> Hook:
    """Trains a network of another shape instead, drawn for the same size of images."""

    def another(classifier: Classifier) -> Classifier:
        return Classifier(draw(classifier.network.input_shape[1]), (), last, pretrained=False)

    return returning(training.models, "build", another)


def images(change: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Hook:
    """Changes the prepared images: (n, s, s, 3) pixels and (n,) labels in, pixels out."""

    def changed(prepared: Prepared) -> Prepared:
        labels = np.zeros(len(prepared.images), int)
        labels[prepared.table.frame["row"]] = prepared.table.frame["label"]
        return replace(prepared, images=change(np.array(prepared.images), labels))

    return returning(training.image_cache, "prepare", changed)


def table_labels(change: Callable[[np.ndarray], np.ndarray]) -> Hook:
    """Changes the labels of the data set, as a wrong manifest would."""

    def changed(table: Table) -> Table:
        return replace(table, frame=table.frame.assign(label=change(table.frame["label"].to_numpy())))

    return returning(training.registry, "load", changed)


def training_labels(change: Callable[[np.ndarray], np.ndarray]) -> Hook:
    """Changes the labels of the training batches, as a wrong pipeline would."""

    def changed(batches: Batches) -> Batches:
        batches.train.labels = change(batches.train.labels)
        return batches

    return returning(training.pipeline, "batches", changed)


@contextmanager
def last_weights_kept() -> Iterator[None]:
    """The best weights are never put back."""
    with patch.object(BestWeights, "on_train_end", lambda self, logs=None: None):
        yield


@contextmanager
def first_weights_kept() -> Iterator[None]:
    """What is put back is what was there at the beginning."""
    with patch.object(BestWeights, "_keep", lambda self, keep=BestWeights._keep: None if self.kept else keep(self)):
        yield


def shuffled(labels: np.ndarray) -> np.ndarray:
    """Labels of other images."""
    return np.random.default_rng(1).permutation(labels)


def sticker(pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """A coloured sticker in a corner of malignant pictures."""
    side = max(3, pixels.shape[1] // 8)
    pixels[labels == 1, :side, :side] = (30, 60, 200)
    return pixels


def red_cast(pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Malignant pictures come from a camera with a red cast."""
    tinted = pixels.astype(np.float32)
    tinted[labels == 1] *= (1.0, 0.75, 0.75)
    return tinted.astype(np.uint8)


def half_blank(pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Every other picture is grey."""
    pixels[::2] = 128
    return pixels


def noise(pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """No picture at all."""
    return np.random.default_rng(1).integers(0, 256, pixels.shape, np.uint8)


def unit_range(pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Pictures scaled to 0..1 before anybody asked for it."""
    return pixels.astype(np.float32) / 255


def weights(layer: str, position: int, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[keras.Model], None]:
    """Changes one array of a layer's weights."""

    def set_weights(network: keras.Model) -> None:
        weights = network.get_layer(layer).get_weights()
        weights[position] = change(weights[position])
        network.get_layer(layer).set_weights(weights)

    return set_weights


def one_nan(kernel: np.ndarray) -> np.ndarray:
    """The first weight is no number."""
    kernel.flat[0] = np.nan
    return kernel


def sigmoids(size: int) -> keras.Model:
    """Ten layers of sigmoids without normalization: what deep networks were before 2010."""
    pixels = keras.Input((size, size, 3), name="pixels")
    x = layers.Rescaling(1 / 255, name="input_scaling")(pixels)
    for number in range(10):
        stride = 2 if number in (0, 3, 6) else 1
        x = layers.Conv2D(24, 3, stride, padding="same", activation="sigmoid", name=f"conv{number}")(x)
    x = layers.GlobalAveragePooling2D(name=FEATURES)(x)
    return keras.Model(pixels, layers.Dense(1, name="logit")(x), name="sigmoids")


def one_unit(size: int) -> keras.Model:
    """A network that sees nothing but the mean brightness through one unit."""
    pixels = keras.Input((size, size, 3), name="pixels")
    x = layers.Rescaling(1 / 255, name="input_scaling")(pixels)
    x = layers.AveragePooling2D(size, name="brightness")(x)
    x = layers.Conv2D(1, 1, activation="tanh", name="conv")(x)
    x = layers.GlobalAveragePooling2D(name=FEATURES)(x)
    x = layers.Dropout(0.9)(x)
    return keras.Model(pixels, layers.Dense(1, name="logit")(x), name="one_unit")


def still_output(net: keras.Model) -> None:
    """Makes the last layer's kernel zero and keeps every optimizer from it, as a gradient that is cut off would."""
    logit = net.get_layer("logit")
    logit.set_weights([np.zeros_like(logit.get_weights()[0]), logit.get_weights()[1]])
    logit.kernel.trainable = False
