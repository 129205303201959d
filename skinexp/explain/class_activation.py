"""Class activation maps: the regions of an image that raise or lower the logit, from the channels of a layer."""

from collections.abc import Callable

import cv2
import keras
import numpy as np
from keras import ops

from skinexp.models.gradients import Tensor, compiled, differentiate

# (n, h, w, c) activations and the target's gradients with respect to them -> (n, c) weights of the channels. The
# members of the family (Grad-CAM, Grad-CAM++, ...) differ in this function alone.
ChannelWeights = Callable[[np.ndarray, np.ndarray], np.ndarray]

BATCH_SIZE = 32  # activations and their gradients are in memory together


def class_activation_maps(
    model: keras.Model, layer: str, images: np.ndarray, target: np.ndarray, channel_weights: ChannelWeights
) -> np.ndarray:
    """Computes maps of the evidence for a class in each image.

    Values are in units of the logit and not normalised, so that maps of one network can be compared. Where the head
    is global average pooling and one dense unit, the values on the activation's own grid, before their negative part
    is cut off, sum to the logit without its bias. A map without evidence is zero everywhere.

    Args:
        model: flat functional graph from pixels to one logit; it is left as it is.
        layer: name of the layer whose activation is mapped, usually the last convolutional one.
        images: (n, s, s, 3), 0..255.
        target: (n,) +1 for the evidence for malignant, -1 for the evidence for benign.
        channel_weights: the method of the family.

    Returns:
        (n, s, s) float32, finite, at least 0; interpolated from the activation's grid.

    Raises:
        ValueError: if the layer's output has no height and width, the targets do not fit the images, or the network's
            activations or gradients are not finite.
    """
    target = np.asarray(target)
    if target.shape != (len(images),) or not np.isin(target, (-1, 1)).all():
        raise ValueError(f"targets must be +1 or -1, one for each of the {len(images)} images. Received: {target}")
    to_activation, to_logit = _split(model, layer)
    compute_activations = compiled(to_activation)
    # Images do not interact: the gradient of the sum of all logits holds each image's own.
    compute_gradients = compiled(differentiate(lambda at: ops.sum(to_logit(at[0]))))
    channels = _channel_axis(model)
    size = images.shape[1]
    maps = np.zeros((len(images), size, size), np.float32)
    for start in range(0, len(images), BATCH_SIZE):
        batch = slice(start, start + BATCH_SIZE)
        pixels = ops.convert_to_tensor(np.asarray(images[batch], np.float32))
        activations = ops.stop_gradient(compute_activations(pixels))
        _, (gradients,) = compute_gradients([activations])
        gradients = _to_float32(gradients, channels) * target[batch, None, None, None]
        activations = _to_float32(activations, channels)
        weights = channel_weights(activations, gradients)
        evidence = np.maximum(np.einsum("nhwc,nc->nhw", activations, weights), 0)
        for position, coarse in enumerate(evidence, start):
            maps[position] = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_LINEAR)
    if not np.isfinite(maps).all():
        raise ValueError(
            f"{model.name} cannot be explained: its activations at {layer} or their gradients are not finite"
        )
    return maps


def _split(model: keras.Model, layer: str) -> tuple[keras.Function, keras.Function]:
    """Splits the graph in two functions: pixels to activation, activation to logit.

    Functions rather than Models: a Model that begins inside a graph adds nodes to that graph's layers, once a call.
    """
    activation = model.get_layer(layer).output
    if len(activation.shape) != 4 or model.output.shape[1:] != (1,):
        raise ValueError(
            "a class activation map needs an activation with height, width and channels, and one logit. "
            f"Received: {layer} {activation.shape}, output {model.output.shape}"
        )
    return keras.Function(model.inputs[0], activation), keras.Function(activation, model.output)


def _channel_axis(model: keras.Model) -> int:
    """Returns the axis of the model's convolutions: a loaded model may have another layout than Keras is set to."""
    layouts = {layer.data_format for layer in model.layers if isinstance(layer, keras.layers.Conv2D)}
    return 1 if layouts == {"channels_first"} else -1


def _to_float32(tensor: Tensor, channel_axis: int) -> np.ndarray:
    """Returns (n, h, w, c), in whatever layout the model computes."""
    return np.moveaxis(ops.convert_to_numpy(tensor).astype(np.float32), channel_axis, -1)
