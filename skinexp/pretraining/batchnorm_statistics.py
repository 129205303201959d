"""Statistics of BatchNormalization that have converged: exact averages over many images, with the final weights.

In training they are running averages, of weights that were still moving, and they forget all but the last few batches.

Reference: Wu and Johnson, Rethinking "Batch" in BatchNorm, arXiv:2105.07576 (2021), section 3.
"""

from collections.abc import Iterable

import keras
import numpy as np
from keras import ops


def settle(network: keras.Model, batches: Iterable[np.ndarray]) -> None:
    """Replaces the running statistics of all BatchNormalization layers by those of some images.

    A batch is normalised by its own statistics, as in training; what is kept is the mean over batches and the variance
    of all of them together.

    Args:
        batches: what the network takes, all of equal size.
    """
    found = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in found]
    read: list[list[tuple[np.ndarray, np.ndarray]]] = [[] for _ in found]
    for layer in found:
        layer.momentum = 0.0  # the running statistics are then those of the last batch
    try:
        for batch in batches:
            network(batch, training=True)
            for layer, values in zip(found, read, strict=True):
                values.append(tuple(map(ops.convert_to_numpy, (layer.moving_mean, layer.moving_variance))))
    finally:
        for layer, momentum in zip(found, momenta, strict=True):
            layer.momentum = momentum
    for layer, values in zip(found, read, strict=True):
        means, variances = (np.stack(part) for part in zip(*values, strict=True))
        layer.moving_mean.assign(means.mean(axis=0))
        layer.moving_variance.assign(variances.mean(axis=0) + means.var(axis=0))
