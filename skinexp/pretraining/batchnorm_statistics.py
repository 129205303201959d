"""Exact BatchNormalization statistics: averages over many images, computed with the final weights.

The statistics of a training are running averages: they come from weights that were still changing, and mostly from the
last few batches.

Reference: Wu and Johnson, Rethinking "Batch" in BatchNorm, arXiv:2105.07576 (2021), section 3.
"""

from collections.abc import Iterable

import keras
import numpy as np
from keras import ops


def recompute_batchnorm_statistics(network: keras.Model, batches: Iterable[np.ndarray]) -> None:
    """Replaces the running statistics of all BatchNormalization layers with those of some images.

    Each batch is normalised by its own statistics, as in training. The new mean is the mean over all batches, and the
    new variance is that of all batches together.

    Args:
        network: is changed in place.
        batches: inputs of the network, all batches of equal size.
    """
    normalizations = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in normalizations]
    read: list[list[tuple[np.ndarray, np.ndarray]]] = [[] for _ in normalizations]
    for layer in normalizations:
        layer.momentum = 0.0  # so that the running statistics are those of the last batch
    try:
        for batch in batches:
            network(batch, training=True)
            for layer, values in zip(normalizations, read, strict=True):
                values.append(tuple(map(ops.convert_to_numpy, (layer.moving_mean, layer.moving_variance))))
    finally:
        for layer, momentum in zip(normalizations, momenta, strict=True):
            layer.momentum = momentum
    for layer, values in zip(normalizations, read, strict=True):
        means, variances = (np.stack(part) for part in zip(*values, strict=True))
        layer.moving_mean.assign(means.mean(axis=0))
        layer.moving_variance.assign(variances.mean(axis=0) + means.var(axis=0))
