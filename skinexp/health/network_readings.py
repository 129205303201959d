"""What a network says of a few images: before its first step, at the end of a phase, and when training is over."""

import math
from collections.abc import Callable, Mapping

import keras
import numpy as np

from skinexp.contracts.scalings import SCALINGS, Scaling
from skinexp.health import probes
from skinexp.health.ask import Answers, Kernels, Questions
from skinexp.health.chart import Evidence
from skinexp.models import Classifier

ENTRY = "input_scaling"  # the layer that hands pixels to the backbone
KERNELS = 16  # whose distribution is looked at, at most: from the first layer to the last


def of_answers(answers: Answers) -> Evidence:
    """Readings of one answer: features, spread of logits, dead units, values that are no numbers."""
    return {
        "logit_std": float(np.std(answers.logits)),
        "predicted_positive": probes.predicted_positive(answers.logits),
        "dead_units": max(map(probes.dead_share, answers.largest.values()), default=0.0),
        "nonfinite_answers": float(probes.nonfinite_count([answers.logits, answers.features])),
        "feature_cosine": probes.mean_pairwise_cosine(answers.features),
        "feature_rank": probes.effective_rank(answers.features),
    }


def of_entry(network: keras.Model, pixels: np.ndarray, expected: str) -> Evidence:
    """How far what enters the backbone is from what its contract makes of pixels 0..255.

    Args:
        pixels: (n, s, s, 3) images.
        expected: the contract, a key of `SCALINGS`.
    """
    entry_of = keras.Function(network.inputs[0], network.get_layer(ENTRY).output)
    entry = keras.ops.convert_to_numpy(entry_of(np.asarray(pixels, np.float32)))
    return {
        "input_error": probes.relative_error(entry, SCALINGS[expected](pixels)),
        "input_min": float(entry.min()),
        "input_max": float(entry.max()),
    }


def cosines_by_scaling(
    network: keras.Model, pixels: np.ndarray, chosen: str, scalings: Mapping[str, Scaling]
) -> dict[str, float]:
    """The features' mean pairwise cosine if pixels came as each of some scalings would have them.

    Args:
        pixels: (n, s, s, 3) images.
        chosen: the network's own scaling, which is left out.
        scalings: the others, by name, and that one.
    """
    questions = Questions(network)
    found = {}
    for name in scalings:
        if name == chosen:
            continue
        # Pixels that the network's own scaling turns into those of the other: the graph stays as it is.
        lent = scalings[chosen].invert(scalings[name](pixels))
        found[name] = probes.mean_pairwise_cosine(questions.answers(lent).features)
    return found


def of_weights(classifier: Classifier, frozen: frozenset[str]) -> Evidence:
    """Whether weights are numbers, and whether frozen ones have ever been trained.

    Args:
        frozen: layers that keep their weights from the first phase on.
    """
    network = classifier.network
    kernels = [
        layer
        for layer in network.layers
        if layer.name in frozen and hasattr(layer, "kernel") and hasattr(layer, "kernel_initializer")
    ]
    looked_at = kernels[:: math.ceil(len(kernels) / KERNELS)] if kernels else []
    untrained = [
        probes.looks_initialised(
            keras.ops.convert_to_numpy(layer.kernel),
            keras.ops.convert_to_numpy(_fresh(layer)),
        )
        for layer in looked_at
    ]
    return {
        "untrained_kernels": float(np.mean(untrained)) if untrained else math.nan,
        "nonfinite_weights": float(probes.nonfinite_count([*network.get_weights()])),
    }


def of_gradients(gradients: Kernels, weights: Kernels) -> Evidence:
    """How strongly the loss pulls at each kernel, in units of the kernel, and how unevenly."""
    if not weights:
        return {}
    lost = float(probes.nonfinite_count(list(gradients.values())))
    pulls = probes.relative_norms(list(gradients.values()), list(weights.values()))
    found = {"nonfinite_gradients": lost} | _by_layer("gradient", weights, pulls)
    return found if lost else found | {"gradient_min": float(pulls.min()), "gradient_max": float(pulls.max())}


def movement(now: Kernels, before: Kernels) -> np.ndarray:
    """(k,) how far each kernel has moved, in units of what it was."""
    return probes.relative_norms([now[name] - before[name] for name in now], list(before.values()))


def of_training(now: Kernels, start: Kernels) -> Evidence:
    """What a training did to the kernels that learned."""
    if not now:
        return {}
    moved = movement(now, start)
    return {
        "weight_change": float(np.median(moved)),
        "weight_norm": float(np.median(probes.relative_norms(list(now.values()), list(start.values())))),
        "nonfinite_weights": float(probes.nonfinite_count(list(now.values()))),
        **_by_layer("moved", now, moved),
    }


def _by_layer(what: str, kernels: Kernels, values: np.ndarray) -> Evidence:
    return {f"{what}/{name}": float(value) for name, value in zip(kernels, values, strict=True)}


def of_modes(
    questions: Questions, inputs: np.ndarray, labels: np.ndarray, loss: Callable[..., float] = probes.cross_entropy
) -> Evidence:
    """The same images with the statistics that inference uses and with their own.

    Args:
        inputs: (n, ...) what the questions are about, n at least 32.
        labels: (n,) 0/1.
        loss: of labels and logits, as the training has it.
    """
    inference = questions.answers(inputs)
    own = questions.answers(inputs, training=True)
    return {
        "inference_loss": loss(labels, inference.logits),
        "own_statistics_loss": loss(labels, own.logits),
        "inference_auc": probes.auc(labels, inference.logits),
        "own_statistics_auc": probes.auc(labels, own.logits),
        "dead_units": max(map(probes.dead_share, inference.largest.values()), default=0.0),
    }


def learning_normalizations(network: keras.Model) -> list[keras.layers.BatchNormalization]:
    """The BatchNormalization layers that use a batch's own statistics in the phase that was entered last."""
    return [one for one in network.layers if isinstance(one, keras.layers.BatchNormalization) and one.trainable]


def _fresh(layer: keras.layers.Layer):
    """What a layer's kernel would be if it were drawn anew; with a seed of its own, so that no other draw moves."""
    config = keras.initializers.serialize(layer.kernel_initializer)
    if "seed" in config["config"]:
        config["config"]["seed"] = 1
    return keras.initializers.deserialize(config)(layer.kernel.shape)
