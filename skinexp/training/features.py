"""A frozen backbone sees each view of an image once; the head then trains on the pooled features it left.

Thirty epochs through a frozen backbone compute the same features thirty times. Here they are computed for a few
differently augmented views of each training image, once, and kept in a cache that other runs of a sweep share: a head
epoch takes a fraction of a second. An epoch draws, for each image, one of its views.
"""

import hashlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from skinexp import terminal
from skinexp.data.augment import Augmentation
from skinexp.data.pipeline import Batches, EpochBatches, Images, column
from skinexp.digest import digest
from skinexp.models import Classifier
from skinexp.models.classifier import FEATURES
from skinexp.randomness import rng
from skinexp.training.phases import Phase
from skinexp.training.trainee import Trainee

log = logging.getLogger(__name__)

VERSION = 1  # raise it when the same inputs give other features


def applies(phase: Phase, classifier: Classifier) -> bool:
    """Whether everything below the head computes as in inference, so that features stay the same for all epochs."""
    return bool(classifier.backbone) and phase.frozen >= set(classifier.backbone)


class Head(keras.Model):
    """The head's layers as a model of their own; training it trains the network that they belong to."""

    def __init__(self, classifier: Classifier):
        super().__init__(name="head")
        self.chain = classifier.head

    def call(self, inputs, training=False):
        for layer in self.chain:
            inputs = layer(inputs, training=training) if isinstance(layer, keras.layers.Dropout) else layer(inputs)
        return inputs


class FeatureBatches(EpochBatches):
    """Batches (features, labels): of each training image the features of one of its views."""

    def __init__(self, views: np.ndarray, labels: np.ndarray, batch_size: int, seed: int):
        super().__init__(len(labels), batch_size, seed)
        self._views, self._labels = views, labels

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        chosen = rng(self.seed, "view", self.epoch).integers(len(self._views), size=self.count)
        for members in self.order():
            yield self._views[chosen[members], members], column(self._labels[members])

    @property
    def signature(self) -> tf.TensorSpec:
        return tf.TensorSpec((None, self._views.shape[-1]), tf.float32)


def training_features(
    classifier: Classifier, batches: Batches, augmentation: Augmentation, views: int, cache: Path
) -> np.ndarray:
    """(views, n, channels) float32 pooled features of the training images; one view where nothing is augmented."""
    draws = [batches.train.draws("view augment", number) for number in range(views)]
    draws = draws[:1] if all(np.array_equal(draws[0], other) for other in draws) else draws
    return _cached(classifier, batches.train.images, batches.batch_size, augmentation, np.stack(draws), cache)


def validation_features(classifier: Classifier, batches: Batches, cache: Path) -> tuple[np.ndarray, np.ndarray]:
    """(n, channels) float32 pooled features and (n, 1) labels of the validation images, not augmented."""
    features = _cached(classifier, batches.val, batches.batch_size, None, None, cache)
    return features[0], column(batches.val.labels)


def _cached(
    classifier: Classifier,
    images: Images,
    batch_size: int,
    augmentation: Augmentation | None,
    draws: np.ndarray | None,
    cache: Path,
) -> np.ndarray:
    file = cache / "features" / f"{_key(classifier, images, draws)}.npy"
    if file.is_file():
        log.info("Features  found in the cache")
        return np.load(file)
    features = _compute(classifier, images, batch_size, augmentation, draws)
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(f".{os.getpid()}.part.npy")
    np.save(unfinished, features)
    unfinished.replace(file)
    return features


def _key(classifier: Classifier, images: Images, draws: np.ndarray | None) -> str:
    """Names features by everything they are computed from: the graph, its weights, the pixels and the draws."""
    network = classifier.network
    weights = hashlib.sha256()
    for name in classifier.backbone:
        for value in network.get_layer(name).get_weights():
            weights.update(np.ascontiguousarray(value).tobytes())
    pixels = hashlib.sha256()
    for row in images.rows:
        pixels.update(images.pixels[row].tobytes())
    scaling = network.get_layer("input_scaling").get_config()
    drawn = None if draws is None else hashlib.sha256(draws.tobytes()).hexdigest()
    policy = keras.config.dtype_policy().name
    return digest(
        VERSION,
        network.name,
        scaling["scale"],
        scaling["offset"],
        policy,
        weights.hexdigest(),
        pixels.hexdigest(),
        drawn,
    )


def _compute(
    classifier: Classifier,
    images: Images,
    batch_size: int,
    augmentation: Augmentation | None,
    draws: np.ndarray | None,
) -> np.ndarray:
    network = classifier.network
    # A Function: a Model that ends inside a graph would add nodes to its layers.
    backbone = keras.Function(network.inputs[0], network.get_layer(FEATURES).output)
    extractor = Trainee(network, augmentation, function=backbone)
    views: list[Any] = [None] if draws is None else list(draws)
    features = []
    with terminal.bar("Features", len(views) * len(images)) as bar:
        for view in views:
            for start in range(0, len(images), batch_size):
                members = np.arange(start, min(start + batch_size, len(images)))
                pixels = images.read(members)
                inputs = pixels if view is None else (pixels, view[members])
                features.append(np.asarray(extractor.predict_on_batch(inputs), dtype=np.float32))
                bar.advance(len(members))
    result = np.concatenate(features).reshape(len(views), len(images), -1)
    log.info("Features  of %s images%s", f"{len(images):,}", f", {len(views)} views each" if len(views) > 1 else "")
    return result
