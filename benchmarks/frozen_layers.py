"""Claim: frozen layers compute faster where TensorFlow knows their weights as constants.

    uv run python benchmarks/frozen_layers.py        # about a minute

Pooled features of a batch: `models.extractor`, which turns weights into constants, beside the same layers compiled as
they are. The weights are random, which takes the same time.
"""

import argparse
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from measure import Row, in_turns, medians, report

from skinexp import models
from skinexp.config.schema import Model
from skinexp.models.classifier import FEATURES
from skinexp.models.extractor import extractor

CONSTANTS, VARIABLES = "as constants", "as variables"


def main() -> None:
    """Lets both ways compute the same batch, in turns, for each backbone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    shape = (options.batch_size, options.size, options.size, 3)
    batch = tf.constant(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
    rows, times = [], {}
    for name in ("mobilenet", "efficientnet"):
        network = models.build(Model(name=name), options.size).network
        ways = {CONSTANTS: extractor(network, FEATURES), VARIABLES: compiled(network)}
        calls = {way: lambda function=function: function(batch) for way, function in ways.items()}
        seconds = medians(in_turns(calls, options.runs, warm_up=3))
        rows += [Row(f"{name}, weights {way}", len(batch) / value, "images a second") for way, value in seconds.items()]
        times[name] = round(seconds[VARIABLES] / seconds[CONSTANTS], 2)
    report(__file__, f"Frozen layers on batches of {len(batch)} at {options.size} px.", rows, times_as_fast=times)


def compiled(network: keras.Model) -> Callable[[tf.Tensor], np.ndarray]:
    """The layers as TensorFlow compiles them by itself."""
    layers = keras.Function(network.inputs[0], network.get_layer(FEATURES).output)
    function = tf.function(lambda pixels: layers(tf.cast(pixels, tf.float32)))
    return lambda pixels: function(pixels).numpy()


if __name__ == "__main__":
    main()
