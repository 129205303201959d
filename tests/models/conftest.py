"""Weights for tests that need no download: random ones, but such that answers differ between images."""

from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format

from skinexp.models.backbone_graphs import CONTRACTS, build_backbone

IMAGENET_MEAN, IMAGENET_STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    """Six images of 64 px, 0..255, from nearly black to nearly white."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (6, 8, 8, 3)) * np.linspace(0.2, 1, 6)[:, None, None, None]
    return np.kron(coarse, np.ones((1, 8, 8, 1))).astype(np.uint8)


@pytest.fixture(scope="session")
def enliven(images) -> Callable[[keras.Model], None]:
    """Gives a network of random weights what training would: statistics of its own, and scales that are not all 1.

    Without, a hundred layers shrink every image to the same features.
    """

    def change(network: keras.Model) -> None:
        rng, momenta = np.random.default_rng(0), {}
        for layer in network.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                gamma, beta, mean, variance = layer.get_weights()
                gamma, beta = rng.uniform(0.5, 1.5, gamma.shape), rng.normal(0, 0.2, beta.shape)
                layer.set_weights([gamma, beta, mean, variance])
                momenta[layer], layer.momentum = layer.momentum, 0.0  # one batch gives all the statistics
            if isinstance(layer, keras.layers.Normalization) and layer.weights:
                layer.set_weights([IMAGENET_MEAN, IMAGENET_STD**2, np.array(1)])
                layer.finalize_state()
        network(images, training=True)
        for layer, momentum in momenta.items():
            layer.momentum = momentum

    return change


@pytest.fixture(scope="session")
def random_release(tmp_path_factory, enliven) -> Path:
    """A directory with a file for each backbone without shipped weights, in the form of Keras' ImageNet release."""
    directory = tmp_path_factory.mktemp("release")
    keras.utils.set_random_seed(0)
    for contract in CONTRACTS.values():
        if contract.shipped:
            continue
        network = build_backbone(contract, 1.0, weights=None, input_shape=(64, 64, 3))
        enliven(network)
        with h5py.File(directory / contract.release_file(1.0), "w") as file:
            legacy_h5_format.save_weights_to_hdf5_group(file, network)
    return directory


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory, enliven) -> Path:
    """A directory with a file for MobileNetV2 of width 0.35 and two for EfficientNetB0.

    `release.weights.h5` is the second in the form of the ImageNet release: standard deviations where the first holds
    variances.
    """
    directory = tmp_path_factory.mktemp("weights")
    keras.utils.set_random_seed(0)
    small = {"include_top": False, "weights": None, "input_shape": (64, 64, 3)}
    mobilenet, efficientnet = (
        keras.applications.MobileNetV2(alpha=0.35, **small),
        keras.applications.EfficientNetB0(**small),
    )
    for network in (mobilenet, efficientnet):
        enliven(network)
    mobilenet.save_weights(directory / "mobilenet_v2_0.35_224_no_top.weights.h5")
    efficientnet.save_weights(directory / "efficientnet_b0_224_no_top.weights.h5")
    (normalization,) = (layer for layer in efficientnet.layers if isinstance(layer, keras.layers.Normalization))
    normalization.set_weights([IMAGENET_MEAN, IMAGENET_STD, np.array(1)])
    efficientnet.save_weights(directory / "release.weights.h5")
    return directory
