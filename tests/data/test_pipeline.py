"""Batches: which image comes when, how it is changed, and that its label comes with it."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from skinexp.config.schema import Augment
from skinexp.data.pipeline import Batches, Images, TrainingBatches, batches, column, evaluation_batches, steps
from skinexp.data.split import NAMES

IMAGES, SIZE, BATCH = 50, 8, 8
AUGMENT = Augment(flip=True, rotation=0.05, zoom=0.1, brightness=0.1)


@pytest.fixture
def frame() -> pd.DataFrame:
    """Fifty images in three parts, their pixels in an order of their own."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "label": np.arange(IMAGES) % 2,
            "split": rng.permutation(np.repeat(NAMES, (30, 10, 10))),
            "row": rng.permutation(IMAGES),
        }
    )


@pytest.fixture
def pixels(frame) -> np.ndarray:
    """Each image shows nothing but the number of its row in the table."""
    numbers = np.empty(IMAGES, dtype=np.uint8)
    numbers[frame["row"]] = np.arange(IMAGES)
    return np.tile(numbers[:, None, None, None], (1, SIZE, SIZE, 3))


@pytest.fixture
def parts(pixels, frame) -> Batches:
    return batches(pixels, frame, AUGMENT, BATCH, seed=3)


def numbers(images: np.ndarray) -> list[int]:
    """Which rows of the table the images are of."""
    return images[:, 0, 0, 0].tolist()


def epoch(train: TrainingBatches, number: int) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Images, draws and labels of each batch."""
    train.epoch = number
    return [(images, draws, labels) for (images, draws), labels in train.dataset().as_numpy_iterator()]


def order(train: TrainingBatches, number: int) -> list[int]:
    """Which rows of the table an epoch shows, one after the other."""
    return [row for images, _, _ in epoch(train, number) for row in numbers(images)]


def assert_same_batches(first, second) -> None:
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        for mine, theirs in zip(one, other, strict=True):
            np.testing.assert_array_equal(mine, theirs)


# Training


def test_an_epoch_is_the_same_whether_or_not_others_ran_before_it(pixels, frame, parts):
    for number in range(3):
        epoch(parts.train, number)
    resumed = batches(pixels, frame, AUGMENT, BATCH, seed=3).train
    assert_same_batches(epoch(parts.train, 3), epoch(resumed, 3))


def test_an_abandoned_epoch_changes_none_after_it(pixels, frame, parts):
    next(iter(parts.train.dataset()))
    fresh = batches(pixels, frame, AUGMENT, BATCH, seed=3).train
    assert_same_batches(epoch(parts.train, 1), epoch(fresh, 1))


def test_epochs_differ_in_order_and_in_draws(parts):
    assert order(parts.train, 0) != order(parts.train, 1)
    assert not np.array_equal(parts.train.draws("augment", 0), parts.train.draws("augment", 1))


def test_another_seed_orders_and_draws_differently(pixels, frame, parts):
    other = batches(pixels, frame, AUGMENT, BATCH, seed=4).train
    assert order(other, 0) != order(parts.train, 0)
    assert not np.array_equal(other.draws("augment", 0), parts.train.draws("augment", 0))


def test_an_epoch_shows_each_training_image_once(frame, parts):
    assert sorted(order(parts.train, 5)) == frame.index[frame["split"] == "train"].tolist()


def test_each_training_image_comes_with_its_own_label(frame, parts):
    for images, _, labels in epoch(parts.train, 0):
        assert labels.shape == (len(images), 1)
        assert labels.dtype == np.float32
        np.testing.assert_array_equal(labels[:, 0], frame["label"][numbers(images)])


def test_an_images_draws_do_not_depend_on_where_the_shuffle_puts_it(pixels, frame, parts):
    train = parts.train
    expected = dict(zip(frame.index[frame["split"] == "train"], train.draws("augment", 2), strict=True))
    for images, draws, _ in epoch(train, 2):
        for number, row in zip(numbers(images), draws, strict=True):
            np.testing.assert_array_equal(row, expected[number])


def test_the_last_smaller_batch_is_kept(parts):
    assert [len(images) for images, _, _ in epoch(parts.train, 0)] == [8, 8, 8, 6]
    assert parts.train.steps == 4


@pytest.mark.parametrize(("images", "batch", "expected"), [(30, 8, 4), (32, 8, 4), (33, 8, 5), (1, 8, 1), (0, 8, 0)])
def test_the_number_of_batches_is_rounded_up(images, batch, expected):
    assert steps(images, batch) == expected


def test_one_data_set_serves_all_epochs(parts):
    dataset = parts.train.dataset()
    assert len(dataset) == parts.train.steps
    for number in (0, 1):  # the same data set, asked again in the next epoch
        parts.train.epoch = number
        read = [(images, draws, labels) for (images, draws), labels in dataset.as_numpy_iterator()]
        assert_same_batches(read, epoch(parts.train, number))


# Evaluation


def test_evaluation_batches_come_in_the_tables_order(frame, parts):
    for name, part in (("val", parts.val), ("test", parts.test)):
        expected = frame[frame["split"] == name]
        read = [(images.numpy(), labels.numpy()) for images, labels in evaluation_batches(part, BATCH)]
        assert [number for images, _ in read for number in numbers(images)] == expected.index.tolist()
        labels = np.concatenate([labels for _, labels in read])
        np.testing.assert_array_equal(labels, expected["label"].to_numpy(np.float32)[:, None])


def test_evaluation_keeps_the_last_smaller_batch(parts):
    dataset = evaluation_batches(parts.test, BATCH)
    assert [len(images) for images, _ in dataset] == [8, 2]
    assert len(dataset) == 2


def test_images_are_copied_as_they_are(pixels, frame, parts):
    members = np.array([2, 0])
    read = parts.test.read(members)
    assert numbers(read) == frame.index[frame["split"] == "test"][members].tolist()
    assert read.dtype == np.uint8
    before = pixels.copy()
    read[:] = 255
    np.testing.assert_array_equal(pixels, before)


@pytest.mark.parametrize("mode", ["r", "c"])
def test_images_in_a_memory_map_are_read_like_those_in_memory(tmp_path, pixels, parts, mode):
    np.save(tmp_path / "images.npy", pixels)
    mapped = Images(np.load(tmp_path / "images.npy", mmap_mode=mode), parts.val.rows, parts.val.labels)
    members = np.arange(len(mapped))
    np.testing.assert_array_equal(mapped.read(members), parts.val.read(members))
    for (images, _), (expected, _) in zip(
        evaluation_batches(mapped, BATCH), evaluation_batches(parts.val, BATCH), strict=True
    ):
        np.testing.assert_array_equal(images, expected)


def test_a_memory_map_is_not_copied_to_be_read(tmp_path):
    """Memory of its own that a process holds, before and after it has read a map of 200 MB, as determinism asks."""
    script = """
import sys
import numpy as np, psutil, tensorflow as tf
from skinexp.config.schema import Augment
from skinexp.data.pipeline import Images, TrainingBatches

def own():
    memory = psutil.Process().memory_info()
    return (memory.rss - memory.shared) / 1e6

tf.config.experimental.enable_op_determinism()
np.lib.format.open_memmap(sys.argv[1], mode="w+", dtype=np.uint8, shape=(4000, 128, 128, 3)).flush()
images = Images(np.load(sys.argv[1], mmap_mode="c"), np.arange(4000), np.arange(4000) % 2)
few = Images(images.pixels[:64], np.arange(64), np.arange(64) % 2)
for part in (few, images):
    before = own()
    for batch in TrainingBatches(part, Augment(), 32, 0).dataset():
        pass
print(own() - before)
"""
    command = [sys.executable, "-c", script, str(tmp_path / "images.npy")]
    grown = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert grown < 100


def test_labels_have_the_shape_of_the_logits():
    np.testing.assert_array_equal(column(np.array([0, 1, 1])), np.array([[0], [1], [1]], dtype=np.float32))
