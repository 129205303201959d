"""Grad-CAM: channels weighted by their mean gradient."""

import numpy as np

from skinexp.explain.class_activation import class_activation_maps
from skinexp.models.classifier import Classifier


def explain(network: Classifier, images: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Computes Grad-CAM maps of the last convolutional layer, in units of the logit.

    Args:
        network: the network to explain.
        images: (n, s, s, 3), 0..255.
        target: (n,) +1 for the evidence for malignant, -1 for the evidence for benign.

    Returns:
        (n, s, s) float32, finite, at least 0.

    Reference: Selvaraju et al., Grad-CAM, ICCV 2017.
    """
    return class_activation_maps(network.network, network.last_convolution, images, target, mean_gradients)


def mean_gradients(activations: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Returns (n, c) weights: how much the target grows with a channel, on average over its positions."""
    return gradients.mean(axis=(1, 2))
