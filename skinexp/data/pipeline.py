"""Batches of prepared images for Keras: order and augmentation are functions of (seed, epoch) alone."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf

from skinexp.config import Augment
from skinexp.data import augment
from skinexp.randomness import rng


@dataclass
class Images:
    """The images of one part of a split.

    Attributes:
        pixels: (N, size, size, 3) uint8, all prepared images, memory-mapped.
        rows: (n,) positions in `pixels` of this part's images.
        labels: (n,) 0/1.
    """

    pixels: np.ndarray
    rows: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, members: np.ndarray) -> np.ndarray:
        """(len(members), size, size, 3) uint8: a copy of these members' pixels."""
        return self.pixels[self.rows[members]]


def steps(images: int, batch_size: int) -> int:
    """Batches an epoch; the last one may be smaller."""
    return -(-images // batch_size)


class EpochBatches(ABC):
    """Shuffled training batches whose order and draws are functions of (seed, epoch).

    Set `epoch` before an epoch starts: it is the same whether or not others ran before it.
    """

    def __init__(self, count: int, batch_size: int, seed: int):
        self.epoch = 0
        self.count, self.batch_size, self.seed = count, batch_size, seed

    @property
    def steps(self) -> int:
        return steps(self.count, self.batch_size)

    def order(self) -> Iterator[np.ndarray]:
        """The members of each batch of this epoch."""
        order = rng(self.seed, "shuffle", self.epoch).permutation(self.count)
        for start in range(0, self.count, self.batch_size):
            yield order[start : start + self.batch_size]

    @abstractmethod
    def __iter__(self) -> Iterator[tuple[Any, np.ndarray]]:
        """Batches (inputs, labels) of this epoch."""

    @property
    @abstractmethod
    def signature(self) -> Any:
        """What the inputs are, as TensorFlow describes it."""

    def dataset(self) -> tf.data.Dataset:
        """The batches as a data set that Keras iterates once an epoch; the next ones are read while one trains."""
        return _dataset(lambda: iter(self), self.signature, self.steps)


class TrainingBatches(EpochBatches):
    """Batches ((images, draws), labels) of training images.

    `draws` say how each image of the batch is augmented; the model's augmentation layer carries them out on the
    accelerator.
    """

    def __init__(self, images: Images, options: Augment, batch_size: int, seed: int):
        super().__init__(len(images), batch_size, seed)
        self.images = images
        self._options = options

    def draws(self, stream: str, number: int) -> np.ndarray:
        """(n, augment.WIDTH): how each image is augmented in the epoch, or view, of that number."""
        return augment.draw(self._options, rng(self.seed, stream, number), self.count)

    def __iter__(self) -> Iterator[tuple[tuple[np.ndarray, np.ndarray], np.ndarray]]:
        draws = self.draws("augment", self.epoch)
        for members in self.order():
            yield (self.images.read(members), draws[members]), column(self.images.labels[members])

    @property
    def signature(self) -> Any:
        return _image_signature(self.images), tf.TensorSpec((None, augment.WIDTH), tf.float32)


def evaluation_batches(images: Images, batch_size: int) -> tf.data.Dataset:
    """Batches (images, labels) in the table's order, without augmentation."""

    def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in range(0, len(images), batch_size):
            members = np.arange(start, min(start + batch_size, len(images)))
            yield images.read(members), column(images.labels[members])

    return _dataset(batches, _image_signature(images), steps(len(images), batch_size))


def column(labels: np.ndarray) -> np.ndarray:
    """Labels as (n, 1) float32, the shape of the logits: (n,) against (n, 1) would broadcast in the loss."""
    return labels.astype(np.float32)[:, None]


def _image_signature(images: Images) -> tf.TensorSpec:
    return tf.TensorSpec((None, *images.pixels.shape[1:]), tf.uint8)


def _dataset(batches: Callable[[], Iterator[Any]], signature: Any, count: int) -> tf.data.Dataset:
    signature = (signature, tf.TensorSpec((None, 1), tf.float32))
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(count)).prefetch(2)


@dataclass(frozen=True)
class Batches:
    """The three parts of a data set, ready for a network."""

    train: TrainingBatches
    val: Images
    test: Images
    batch_size: int


def batches(pixels: np.ndarray, frame: pd.DataFrame, options: Augment, batch_size: int, seed: int) -> Batches:
    """Shares out prepared images as the table says.

    Args:
        pixels: (N, size, size, 3) uint8, memory-mapped.
        frame: one row an image: label (0/1), split (train, val or test) and row (its position in `pixels`).
    """
    parts = {
        name: Images(pixels, members["row"].to_numpy(), members["label"].to_numpy())
        for name, members in frame.groupby("split")
    }
    train = TrainingBatches(parts["train"], options, batch_size, seed)
    return Batches(train, parts["val"], parts["test"], batch_size)
