"""Claim: augmentation as one composed resampling is at least 3 times as fast as Keras' stock layers.

    uv run python benchmarks/augmentation.py        # about a minute

Both change a batch of 32 uint8 images of 224 px as the seed study does (flips, rotation by 5 % of a turn, zoom by 10 %,
brightness and contrast by 1 %, clipped) inside a compiled TensorFlow function; the time includes the random draws and
the cast to float32. TensorFlow compiles without XLA, which has no kernel for its resampling. Beside them, skinexp's
with the resampling that it uses on a GPU.
"""

import argparse
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from measure import Row, at_least, in_fresh_process, in_turns, medians, peak_memory, report
from plain_keras import augmentation

from skinexp.config.schema import Augment
from skinexp.data import augment

LIGHT = Augment(flip=True, rotation=0.05, zoom=0.1, brightness=0.01, contrast=0.01)
OURS, KERNEL, STOCK = "skinexp's Augmentation", "the same with TensorFlow's kernel", "Keras' five layers"


def main() -> None:
    """Lets both change the same batch, in turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--runs", type=int, default=50)
    options = parser.parse_args()
    shape = (options.batch_size, options.size, options.size, 3)
    contestants = {name: contestant(images(shape)) for name, contestant in CONTESTANTS.items()}
    seconds = medians(in_turns(contestants, options.runs, warm_up=5))
    rows = [
        Row(name, options.batch_size / seconds[name], "images a second", in_fresh_process(memory, name, shape))
        for name in CONTESTANTS
    ]
    what = f"augmentation of batches of {options.batch_size} at {options.size} px"
    report(
        __file__,
        f"{what}: at least 3 times as fast as Keras' stock layers.",
        rows,
        against=STOCK,
        goals=[at_least(3, STOCK, OURS, rows, what, beside=[KERNEL])],
        backend=keras.backend.backend(),
    )


def images(shape: tuple[int, ...]) -> tf.Tensor:
    """Any pixels do."""
    return tf.constant(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))


def ours(batch: tf.Tensor) -> Callable[[], np.ndarray]:
    """Draws with NumPy, then one compiled call."""
    layer, rng = tf.function(augment.Augmentation(LIGHT)), np.random.default_rng(0)
    return lambda: layer(batch, tf.constant(augment.draw(LIGHT, rng, len(batch)))).numpy()


def with_kernel(batch: tf.Tensor) -> Callable[[], np.ndarray]:
    """As on a machine that has a GPU."""
    on_cpu, augment._on_tensorflows_cpu = augment._on_tensorflows_cpu, lambda: False
    try:
        contestant = ours(batch)
        contestant()  # what is compiled now stays as it is
    finally:
        augment._on_tensorflows_cpu = on_cpu
    return contestant


def stock(batch: tf.Tensor) -> Callable[[], np.ndarray]:
    """The layers draw for themselves."""
    layers = augmentation()
    changed = tf.function(lambda batch: tf.clip_by_value(layers(tf.cast(batch, tf.float32), training=True), 0.0, 255.0))
    return lambda: changed(batch).numpy()


CONTESTANTS = {OURS: ours, KERNEL: with_kernel, STOCK: stock}


def memory(name: str, shape: tuple[int, ...]) -> float:
    """Peak megabytes of the first batch, once TensorFlow has seen an image."""
    CONTESTANTS[name](images((1, *shape[1:])))()
    batch = images(shape)
    with peak_memory(interval=0.001) as peak:
        CONTESTANTS[name](batch)()
    return peak.megabytes


if __name__ == "__main__":
    main()
