"""Cached features: the activations of the layers below a cut, on which the layers above it are trained.

Thirty epochs through a frozen backbone compute the same features thirty times. Here they are computed once, for a few
differently augmented views of each training image, and kept in a cache that other runs of a sweep share. An epoch on
cached features takes a fraction of a second. It draws one of the views of each image.
"""

import logging
import math
import os
import shutil
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from skinexp.core import terminal
from skinexp.core.atomic_files import remove_any
from skinexp.core.digest import digest, digest_of_arrays
from skinexp.core.errors import UserError
from skinexp.core.number_format import counted
from skinexp.core.randomness import rng
from skinexp.core.sealed_arrays import read_sealed, seal
from skinexp.data import pipeline
from skinexp.data.augment import Augmentation
from skinexp.data.pipeline import Batches, EpochBatches, Images
from skinexp.data.preparation.cache_lock import FEATURES, cache_lock, disk_error
from skinexp.models import Classifier
from skinexp.models.extractor import Extractor, extractor
from skinexp.models.scaling import LAYER as SCALING_LAYER
from skinexp.training import cut

log = logging.getLogger(__name__)

VERSION = 5  # raise it when the same inputs give other features, or files of another form


class FeatureBatches(EpochBatches):
    """Batches (features, labels) of the training images, each with the features of one of its views."""

    def __init__(
        self,
        draw: Callable[[int], np.ndarray],
        labels: np.ndarray,
        batch_size: int,
        seed: int,
        first: int = 0,
        redraw: int | None = None,
    ):
        """
        Args:
            draw: returns the (views, n, ...) float32 features of the views that were drawn the 0th, 1st, ... time.
            labels: (n,) 0/1.
            batch_size: images per batch.
            seed: of the order and the choice of views.
            first: the epoch that the phase begins with.
            redraw: epochs after which views are drawn afresh; None: never.
        """
        self._draw, self._first, self._redraw = draw, first, redraw
        self._drawn, self._views = 0, draw(0)
        super().__init__(_one_axis(self._views), labels, batch_size, seed)

    def begin(self, epoch: int) -> None:
        super().begin(epoch)
        number = (epoch - self._first) // self._redraw if self._redraw else 0
        if number != self._drawn:
            self._drawn, self._views = number, self._draw(number)
            self.replace(_one_axis(self._views))

    def plan(self) -> tuple[np.ndarray, ...]:
        order = self.order()
        chosen = rng(self.seed, "view", self.epoch).integers(len(self._views), size=self.count)
        return chosen[order] * self.count + order, pipeline.column(self.labels[order])

    @staticmethod
    def arrange(read: Any, *beside: Any) -> tuple[Any, Any]:
        (labels,) = beside
        return read, labels


def training_features(
    classifier: Classifier,
    layer: str,
    batches: Batches,
    augmentation: Augmentation,
    views: int,
    cache: Path,
    number: int = 0,
) -> np.ndarray:
    """Returns (views, n, ...) float32 activations of the training images; one view if nothing is augmented.

    Args:
        classifier: whose layers below the cut keep their weights.
        layer: the layer of the activation.
        batches: of the training images.
        augmentation: draws the views.
        views: number of views per image.
        cache: directory of the cache.
        number: how often views were drawn before.
    """
    draws = [batches.train.draws("view augment", number * views + view) for view in range(views)]
    draws = draws[:1] if all(np.array_equal(draws[0], other) for other in draws) else draws
    return _cached(classifier, layer, batches.train.images, batches.batch_size, augmentation, draws, cache)


def validation_features(classifier: Classifier, layer: str, batches: Batches, cache: Path) -> np.ndarray:
    """Returns (n, ...) float32 activations of the validation images, not augmented."""
    (features,) = _cached(classifier, layer, batches.val, batches.batch_size, None, [None], cache)
    return features


def size(classifier: Classifier, layer: str, batches: Batches, views: int) -> int:
    """Returns the bytes that the features of a training take."""
    values = int(np.prod(classifier.network.get_layer(layer).output.shape[1:]))
    return (views * batches.train.count + len(batches.val)) * values * np.dtype(np.float32).itemsize


def _one_axis(views: np.ndarray) -> np.ndarray:
    """Returns (views * n, ...) all views of all images, one after the other."""
    return views.reshape(-1, *views.shape[2:])


Draws = list[np.ndarray] | list[None]  # one a view; None: the images are not augmented


def _cached(
    classifier: Classifier,
    layer: str,
    images: Images,
    batch_size: int,
    augmentation: Augmentation | None,
    draws: Draws,
    cache: Path,
) -> np.ndarray:
    """Returns (views, n, ...) float32 activations, memory-mapped from a file that is computed if it is not there.

    A damaged file is computed again. One that is whole is read without the lock: the cache may be read-only.
    """
    weights = digest_of_arrays(value for below in cut.below(classifier, layer) for value in below.get_weights())
    key = _key(classifier, layer, weights, images, draws)
    file = cache / FEATURES / f"{key}.npy"
    shape = (len(draws), len(images), *classifier.network.get_layer(layer).output.shape[1:])
    found = read_sealed(file, key, shape)
    if found is None:
        with cache_lock(cache, key, "computes the same features"):
            found = read_sealed(file, key, shape)
            if found is None:
                extract = _extractor(classifier.network, layer, weights)
                _write(file, key, partial(_compute, extract, shape, images, batch_size, augmentation, draws))
                views = f", {len(draws)} views each" if len(draws) > 1 else ""
                log.info("Features  of %s%s", counted(len(images), "image"), views)
                return _written(file, key, shape)
    # Those of validation images have often been asked for just before.
    log.log(logging.DEBUG if augmentation is None else logging.INFO, "Features  found in the cache")
    return found


def _write(file: Path, key: str, compute: Callable[[Path], None]) -> None:
    """Writes a file of features whole or not at all, in place of a damaged one if there is one.

    Args:
        file: of the features.
        key: of them.
        compute: writes the features to a file.
    """
    if os.path.lexists(file):
        log.warning("Damaged   features in %s are computed again", file)
        remove_any(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(".part.npy")
    compute(unfinished)
    seal(unfinished, key)
    unfinished.replace(file)


def _written(file: Path, key: str, shape: tuple[int, ...]) -> np.ndarray:
    """Returns the features that were just written."""
    found = read_sealed(file, key, shape)
    if found is None:
        raise disk_error(file)
    return found


@lru_cache(maxsize=1)
def _extractor(network: keras.Model, layer: str, weights: str) -> Extractor:
    """Returns the extractor of these weights, built once for all images, as that takes seconds."""
    return extractor(network, layer)


def _key(classifier: Classifier, layer: str, weights: str, images: Images, draws: Draws) -> str:
    """Returns a digest of everything that features depend on: the graph, its weights, the pixels and the draws."""
    network = classifier.network
    scaling = network.get_layer(SCALING_LAYER).get_config()
    numbers = [scaling.get(name) for name in ("scale", "offset", "mean", "variance") if name in scaling]
    drawn = [None if view is None else digest_of_arrays([view]) for view in draws]
    policy = keras.config.dtype_policy().name
    return digest(VERSION, network.name, layer, *numbers, policy, weights, images.digest, drawn)


def _compute(
    extract: Extractor,
    shape: tuple[int, ...],
    images: Images,
    batch_size: int,
    augmentation: Augmentation | None,
    draws: Draws,
    file: Path,
) -> None:
    """Writes the features batch by batch, so that they need not fit into memory."""
    remove_any(file)  # a job that was killed may have left it
    _check_room(file.parent, math.prod(shape) * np.dtype(np.float32).itemsize)
    features = np.lib.format.open_memmap(file, mode="w+", dtype=np.float32, shape=shape)
    with terminal.bar("Features", len(draws) * len(images)) as bar:
        for view, drawn in zip(features, draws, strict=True):
            for start in range(0, len(images), batch_size):
                # The last batch is filled up: a compiled step takes long to compile for another size.
                members = np.minimum(np.arange(start, start + batch_size), len(images) - 1)
                pixels = images.read(members)
                view[members] = extract(
                    pixels if drawn is None or augmentation is None else augmentation(pixels, drawn[members])
                )
                bar.advance(min(batch_size, len(images) - start))
    features.flush()


def _check_room(directory: Path, needed: int) -> None:
    """Raises a UserError if the disk has no room: writing to a memory map of a full disk ends the process."""
    free = shutil.disk_usage(directory).free
    if needed > free:
        raise UserError(
            f"data.cache: the disk of {directory} has no room for features: {needed:,} bytes are needed and {free:,} "
            f"are free. Free some space, or name another directory: data.cache=<directory>"
        )
