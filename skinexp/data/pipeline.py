"""Batches of prepared images for Keras: order and augmentation are functions of (seed, epoch) alone."""

from collections.abc import Iterator
from dataclasses import dataclass

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


class TrainingBatches:
    """Shuffled training batches ((images, draws), labels), drawn anew in each epoch.

    `draws` say how each image of the batch is augmented; the model's augmentation layer carries them out on the
    accelerator. Set `epoch` before an epoch starts: an epoch is the same whether or not others ran before it.
    """

    def __init__(self, images: Images, options: Augment, batch_size: int, seed: int):
        self.epoch = 0
        self.images = images
        self._options, self._batch_size, self._seed = options, batch_size, seed

    @property
    def steps(self) -> int:
        return steps(len(self.images), self._batch_size)

    def __iter__(self) -> Iterator[tuple[tuple[np.ndarray, np.ndarray], np.ndarray]]:
        count = len(self.images)
        order = rng(self._seed, "shuffle", self.epoch).permutation(count)
        draws = augment.draw(self._options, rng(self._seed, "augment", self.epoch), count)
        for start in range(0, count, self._batch_size):
            members = order[start : start + self._batch_size]
            labels = self.images.labels[members].astype(np.float32)[:, None]
            yield (self.images.read(members), draws[start : start + self._batch_size]), labels

    def dataset(self) -> tf.data.Dataset:
        """The same as a data set that Keras iterates once an epoch; the next batches are read while one trains."""
        side = self.images.pixels.shape[1]
        signature = (
            (tf.TensorSpec((None, side, side, 3), tf.uint8), tf.TensorSpec((None, augment.WIDTH), tf.float32)),
            tf.TensorSpec((None, 1), tf.float32),
        )
        dataset = tf.data.Dataset.from_generator(lambda: iter(self), output_signature=signature)
        return dataset.apply(tf.data.experimental.assert_cardinality(self.steps)).prefetch(2)


def evaluation_batches(images: Images, batch_size: int) -> tf.data.Dataset:
    """Batches (images, labels) in the table's order, without augmentation."""

    def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in range(0, len(images), batch_size):
            members = np.arange(start, min(start + batch_size, len(images)))
            yield images.read(members), images.labels[members].astype(np.float32)[:, None]

    side = images.pixels.shape[1]
    signature = (tf.TensorSpec((None, side, side, 3), tf.uint8), tf.TensorSpec((None, 1), tf.float32))
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(steps(len(images), batch_size))).prefetch(2)


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
