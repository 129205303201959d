"""Batches of prepared images for Keras: order and augmentation are functions of (seed, epoch) alone."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf

from skinexp.config.schema import Augment
from skinexp.core.digest import digest_of_arrays
from skinexp.core.randomness import rng
from skinexp.data import augment


@dataclass
class Images:
    """Images of one part of a split.

    Attributes:
        pixels: (N, size, size, 3) uint8, all prepared images, memory-mapped.
        rows: (n,) positions of this part's images in `pixels`.
        labels: (n,) 0/1.
    """

    pixels: np.ndarray
    rows: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def digest(self) -> str:
        """Returns a digest of these pixels; it reads them all, once."""
        return digest_of_arrays(self.pixels[row] for row in self.rows)

    def read(self, members: np.ndarray) -> np.ndarray:
        """Returns (len(members), size, size, 3) uint8, a copy of these members' pixels."""
        return self.pixels[self.rows[members]]


def steps(images: int, batch_size: int) -> int:
    """Returns the number of batches of an epoch; the last batch may be smaller."""
    return -(-images // batch_size)


# Without AutoGraph, which takes a tenth of a second to find no loop over tensors.
_as_it_is = tf.autograph.experimental.do_not_convert


class EpochBatches(ABC):
    """Shuffled training batches whose order and draws are functions of (seed, epoch).

    Call `begin` before an epoch starts: an epoch is the same whether or not others ran before it.
    """

    def __init__(self, samples: np.ndarray, labels: np.ndarray, batch_size: int, seed: int):
        """
        Args:
            samples: (N, ...) array that rows are read from, memory-mapped.
            labels: (n,) 0/1, one for each member of an epoch.
            batch_size: members of a batch.
            seed: of the order and the draws.
        """
        self.epoch = 0
        self.labels, self.batch_size, self.seed = labels, batch_size, seed
        self._samples = _shared(samples)

    def begin(self, epoch: int) -> None:
        """Sets the epoch of the next iteration of the data set, counted from 0."""
        self.epoch = epoch

    def replace(self, samples: np.ndarray) -> None:
        """Replaces the array that rows are read from; the shape must be the same."""
        self._samples.assign(_lent(samples))

    @property
    def count(self) -> int:
        """Number of members of an epoch."""
        return len(self.labels)

    @property
    def steps(self) -> int:
        return steps(self.count, self.batch_size)

    def order(self) -> np.ndarray:
        """Returns (n,) the members in this epoch's order."""
        return rng(self.seed, "shuffle", self.epoch).permutation(self.count)

    @abstractmethod
    def plan(self) -> tuple[np.ndarray, ...]:
        """Returns this epoch in its order: (n,) rows of `samples`, further arguments of `arrange`, (n, 1) labels."""

    @staticmethod
    @abstractmethod
    def arrange(read: Any, *beside: Any) -> tuple[Any, Any]:
        """Returns a batch (inputs, labels) from the rows that were read and the rest of the plan."""

    def dataset(self) -> tf.data.Dataset:
        """Returns the batches as a data set, which Keras iterates once per epoch; batches are read ahead."""
        example = self.plan()
        types = [part.dtype for part in example]
        shapes = [(None, *part.shape[1:]) for part in example]

        @_as_it_is
        def plan(_: tf.Tensor) -> tuple[tf.Tensor, ...]:
            parts = tf.numpy_function(self.plan, [], types)
            return tuple(tf.ensure_shape(part, shape) for part, shape in zip(parts, shapes, strict=True))

        # Python is called once per epoch: a call for each batch would take as long as copying the batch.
        members = tf.data.Dataset.range(1).map(plan).unbatch()
        return _read(members, self._samples, self.count, self.batch_size, self.arrange)


class TrainingBatches(EpochBatches):
    """Batches ((images, draws), labels) of training images.

    `draws` determine how each image of the batch is augmented; the model's augmentation layer applies them on the
    accelerator.
    """

    def __init__(self, images: Images, options: Augment, batch_size: int, seed: int):
        super().__init__(images.pixels, images.labels, batch_size, seed)
        self.images = images
        self._options = options

    def draws(self, stream: str, number: int) -> np.ndarray:
        """Returns (n, augment.WIDTH) draws: how each image is augmented in the epoch, or view, of that number."""
        return augment.draw(self._options, rng(self.seed, stream, number), self.count)

    def plan(self) -> tuple[np.ndarray, ...]:
        order = self.order()
        draws = self.draws("augment", self.epoch)
        return self.images.rows[order], draws[order], column(self.labels[order])

    @staticmethod
    def arrange(read: Any, *beside: Any) -> tuple[Any, Any]:
        draws, labels = beside
        return (read, draws), labels


def evaluation_batches(images: Images, batch_size: int) -> tf.data.Dataset:
    """Returns batches (images, labels) in the table's order, without augmentation."""
    return in_order(images.pixels, images.rows, images.labels, batch_size)


def in_order(samples: np.ndarray, rows: np.ndarray, labels: np.ndarray, batch_size: int) -> tf.data.Dataset:
    """Returns batches (rows of samples, labels) in the given order."""
    members = tf.data.Dataset.from_tensor_slices((rows, column(labels)))
    return _read(members, _shared(samples), len(rows), batch_size, lambda read, labels: (read, labels))


def column(labels: np.ndarray) -> np.ndarray:
    """Returns labels as (n, 1) float32, the shape of the logits: (n,) against (n, 1) would broadcast in the loss."""
    return labels.astype(np.float32)[:, None]


def _read(
    members: tf.data.Dataset, samples: tf.Variable, count: int, batch_size: int, arrange: Callable[..., Any]
) -> tf.data.Dataset:
    """Returns batches of a data set whose first component is the row of `samples` to read."""

    @_as_it_is
    def batch(rows: tf.Tensor, *beside: tf.Tensor) -> tuple[Any, Any]:
        return arrange(tf.gather(samples.read_value(), rows), *beside)

    cardinality = tf.data.experimental.assert_cardinality(steps(count, batch_size))
    return members.batch(batch_size).map(batch).apply(cardinality).prefetch(2)


def _shared(array: np.ndarray) -> tf.Variable:
    """Returns the array as a variable that data sets read from.

    It is a variable because tf.data copies a tensor that a function refers to; with determinism switched on, at the
    beginning of each epoch.
    """
    with tf.device("CPU:0"):
        return tf.Variable(_lent(array), trainable=False)


def _lent(array: np.ndarray) -> tf.Tensor:
    """Returns the array as a tensor: a memory map is shared, whatever its size; another array is copied.

    A map must be copy-on-write (mode "c"): NumPy does not share read-only arrays.
    """
    if isinstance(array, np.memmap) and array.flags.writeable:
        return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
    return tf.constant(array)


@dataclass(frozen=True)
class Batches:
    """The three parts of a data set, ready for a network."""

    train: TrainingBatches
    val: Images
    test: Images
    batch_size: int


def batches(pixels: np.ndarray, frame: pd.DataFrame, options: Augment, batch_size: int, seed: int) -> Batches:
    """Returns the batches of the three parts of a split.

    Args:
        pixels: (N, size, size, 3) uint8, memory-mapped.
        frame: one row per image: label (0/1), split (train, val or test) and row (its position in `pixels`).
        options: augmentation of the training images.
        batch_size: images of a batch.
        seed: of the order and the augmentation.
    """
    parts = {
        name: Images(pixels, members["row"].to_numpy(), members["label"].to_numpy())
        for name, members in frame.groupby("split")
    }
    train = TrainingBatches(parts["train"], options, batch_size, seed)
    return Batches(train, parts["val"], parts["test"], batch_size)
