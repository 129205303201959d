"""Readings of a network on a few images: before its first step, at the end of a phase, and after training."""

import math
from collections.abc import Callable

import keras
import numpy as np

from skinexp.contracts.scalings import SCALINGS
from skinexp.health import probes
from skinexp.health.network_probe import Kernels, LayerOutputs, NetworkProbe
from skinexp.health.readings import Readings
from skinexp.models import Classifier

ENTRY = "input_scaling"  # the layer that passes scaled pixels to the backbone
KERNELS = 16  # frozen kernels whose distribution is examined, at most, from the first layer to the last


def read_outputs(outputs: LayerOutputs) -> Readings:
    """Returns readings of the features, the logits and the rectified units."""
    return Readings(
        logit_std=float(np.std(outputs.logits)),
        predicted_positive=probes.predicted_positive(outputs.logits),
        dead_units=largest_dead_share(outputs),
        nonfinite_answers=float(probes.nonfinite_count([outputs.logits, outputs.features])),
        feature_cosine=probes.mean_pairwise_cosine(outputs.features),
        feature_rank=probes.effective_rank(outputs.features),
    )


def largest_dead_share(outputs: LayerOutputs) -> float:
    """Returns the share of dead units in the layer with most of them; 0 if no layer is rectified."""
    return max(map(probes.dead_share, outputs.largest.values()), default=0.0)


def read_entry(network: keras.Model, pixels: np.ndarray, expected: str) -> Readings:
    """Returns how far the input of the backbone is from what its contract makes of the pixels.

    Args:
        network: the network.
        pixels: (n, s, s, 3) images in 0..255.
        expected: the contract's input scaling, a key of `SCALINGS`.
    """
    entry_of = keras.Function(network.inputs[0], network.get_layer(ENTRY).output)
    entry = keras.ops.convert_to_numpy(entry_of(np.asarray(pixels, np.float32)))
    return Readings(
        input_error=probes.relative_error(entry, SCALINGS[expected](pixels)),
        input_min=float(entry.min()),
        input_max=float(entry.max()),
    )


def read_other_scalings(network: keras.Model, pixels: np.ndarray, own: str, others: list[str]) -> Readings:
    """Returns the mean pairwise cosine of the features under other input scalings.

    Args:
        network: the network.
        pixels: (n, s, s, 3) images in 0..255.
        own: the network's input scaling, a key of `SCALINGS`.
        others: further keys.
    """
    probe = NetworkProbe(network)
    cosines = {}
    for scaling in others:
        # Pixels that the network's own scaling turns into those of the other one: the graph stays as it is.
        converted = SCALINGS[own].invert(SCALINGS[scaling](pixels))
        cosines[scaling] = probes.mean_pairwise_cosine(probe.probe(converted).features)
    return Readings(cosine_by_scaling=cosines)


def read_weights(classifier: Classifier, frozen: frozenset[str]) -> Readings:
    """Returns whether weights are finite, and whether frozen kernels were ever trained.

    Args:
        classifier: the classifier.
        frozen: names of the layers that keep their weights in the first phase.
    """
    network = classifier.network
    with_kernel = [
        layer
        for layer in network.layers
        if layer.name in frozen and hasattr(layer, "kernel") and hasattr(layer, "kernel_initializer")
    ]
    examined = with_kernel[:: math.ceil(len(with_kernel) / KERNELS)] if with_kernel else []
    untrained = [
        probes.looks_initialised(
            keras.ops.convert_to_numpy(layer.kernel),
            keras.ops.convert_to_numpy(_newly_drawn_kernel(layer)),
        )
        for layer in examined
    ]
    return Readings(
        untrained_kernels=float(np.mean(untrained)) if untrained else math.nan,
        nonfinite_weights=float(probes.nonfinite_count([*network.get_weights()])),
    )


def read_gradients(gradients: Kernels, weights: Kernels) -> Readings:
    """Returns the norms of the gradients, each in units of its kernel's norm."""
    if not weights:
        return Readings()
    nonfinite = float(probes.nonfinite_count(list(gradients.values())))
    norms = probes.relative_norms(list(gradients.values()), list(weights.values()))
    return Readings(
        nonfinite_gradients=nonfinite,
        gradient_by_kernel=_by_kernel(weights, norms),
        gradient_min=math.nan if nonfinite else float(norms.min()),
        gradient_max=math.nan if nonfinite else float(norms.max()),
    )


def movement(now: Kernels, before: Kernels) -> np.ndarray:
    """Returns (k,) the norm of each kernel's change, in units of its norm before."""
    return probes.relative_norms([now[name] - before[name] for name in now], list(before.values()))


def read_training(now: Kernels, start: Kernels) -> Readings:
    """Returns what a phase did to the kernels that it trained.

    Args:
        now: the kernels at the end of the phase.
        start: the same kernels before it.
    """
    if not now:
        return Readings()
    moved = movement(now, start)
    return Readings(
        weight_change=float(np.median(moved)),
        weight_norm=float(np.median(probes.relative_norms(list(now.values()), list(start.values())))),
        nonfinite_weights=float(probes.nonfinite_count(list(now.values()))),
        movement_by_kernel=_by_kernel(now, moved),
    )


def read_modes(
    probe: NetworkProbe, inputs: np.ndarray, labels: np.ndarray, mean_loss: Callable[[np.ndarray, np.ndarray], float]
) -> Readings:
    """Returns losses and ROC-AUC of the same images with running statistics and with those of the batch.

    Args:
        probe: the network.
        inputs: (n, ...) its inputs, n at least 32.
        labels: (n,) 0/1.
        mean_loss: of (n,) labels and (n,) logits.
    """
    inference = probe.probe(inputs)
    own = probe.probe(inputs, training=True)
    return Readings(
        inference_loss=mean_loss(labels, inference.logits),
        own_statistics_loss=mean_loss(labels, own.logits),
        inference_auc=probes.auc(labels, inference.logits),
        own_statistics_auc=probes.auc(labels, own.logits),
        dead_units=largest_dead_share(inference),
    )


def read_normalizations(network: keras.Model, updates: int) -> Readings:
    """Returns how many BatchNormalization layers are trained, and how much of their statistics is initial.

    Args:
        network: the network, in the phase that was entered last.
        updates: number of updates for which they were trained.
    """
    trained = [one for one in network.layers if isinstance(one, keras.layers.BatchNormalization) and one.trainable]
    stale = [probes.remaining_start(layer.momentum, updates) for layer in trained]
    return Readings(normalizations_learning=float(len(trained)), stale_statistics=max(stale, default=math.nan))


def _by_kernel(kernels: Kernels, values: np.ndarray) -> dict[str, float]:
    return {name: float(value) for name, value in zip(kernels, values, strict=True)}


def _newly_drawn_kernel(layer: keras.layers.Layer):
    """Returns a new draw from the layer's initializer, with a seed of its own so that no other draw changes."""
    config = keras.initializers.serialize(layer.kernel_initializer)
    if "seed" in config["config"]:
        config["config"]["seed"] = 1
    return keras.initializers.deserialize(config)(layer.kernel.shape)
