"""A network small enough to be looked into, and images that it can tell apart."""

import keras
import numpy as np
import pytest
from keras import layers

from skinexp.models.classifier import FEATURES

SIZE = 16


def small_network() -> keras.Model:
    """Two convolutions with normalization, dropout, one logit."""
    keras.utils.set_random_seed(0)
    pixels = keras.Input((SIZE, SIZE, 3), name="pixels")
    x = layers.Rescaling(1 / 255, name="input_scaling")(pixels)
    for number in range(2):
        x = layers.Conv2D(8, 3, padding="same", name=f"conv{number}")(x)
        x = layers.BatchNormalization(momentum=0.5, name=f"bn{number}")(x)
        x = layers.ReLU(name=f"relu{number}")(x)
    x = layers.GlobalAveragePooling2D(name=FEATURES)(x)
    x = layers.Dropout(0.5, name="dropout")(x)
    return keras.Model(pixels, layers.Dense(1, name="logit")(x), name="small")


@pytest.fixture
def network() -> keras.Model:
    return small_network()


@pytest.fixture(scope="session")
def discs() -> tuple[np.ndarray, np.ndarray]:
    """(40, 16, 16, 3) uint8 and (40,) labels: malignant ones are darker."""
    rng = np.random.default_rng(0)
    labels = np.tile([0, 1], 20)
    shades = np.where(labels == 1, 60, 180)[:, None, None, None]
    return np.clip(shades + rng.normal(0, 20, (40, SIZE, SIZE, 3)), 0, 255).astype(np.uint8), labels
