"""A problem that a few steps learn, and a network small enough to learn it at once."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers

from skinexp.config.schema import Augment, Config, Data, FineTune, Model, Optim, Tracking
from skinexp.data import pipeline
from skinexp.data.pipeline import Batches
from skinexp.models import Classifier

SIZE = 32


@pytest.fixture(scope="session")
def classifier() -> Callable[[], Classifier]:
    """Builds a network shaped like the transfer models, with a backbone of eight layers that counts as pretrained."""

    def build() -> Classifier:
        keras.utils.set_random_seed(0)
        pixels = keras.Input((SIZE, SIZE, 3), name="pixels")
        x = layers.Rescaling(1 / 127.5, offset=-1.0, name="input_scaling")(pixels)
        backbone = []
        for number in (1, 2):
            for layer in (
                layers.Conv2D(8, 3, strides=4, name=f"convolution_{number}"),
                layers.BatchNormalization(name=f"normalization_{number}"),
                layers.ReLU(name=f"activation_{number}"),
                layers.Dropout(0.2, name=f"backbone_dropout_{number}"),
            ):
                x = layer(x)
                backbone.append(layer.name)
        x = layers.GlobalAveragePooling2D(name="features")(x)
        x = layers.Dropout(0.1, name="head_dropout")(x)
        x = layers.Dense(8, activation="relu", name="head_dense")(x)
        x = layers.Dropout(0.1, name="head_unit_dropout")(x)
        network = keras.Model(pixels, layers.Dense(1, name="logit")(x), name="tiny")
        return Classifier(network, tuple(backbone), "activation_2", pretrained=True)

    return build


@pytest.fixture(scope="session")
def batches() -> Callable[..., Batches]:
    """Shares out 96 images, of which one of `every` is malignant and redder by `told`; 16 a batch."""

    def build(augment: Augment | None = None, seed: int = 0, every: int = 2, told: int = 20) -> Batches:
        rng = np.random.default_rng(0)
        labels = (np.arange(96) % every == 1).astype(int)
        pixels = rng.integers(0, 200, (96, SIZE, SIZE, 3))
        pixels[..., 0] += told * labels[:, None, None] + rng.integers(0, 35, (96, 1, 1))
        frame = pd.DataFrame({"label": labels, "split": ["train"] * 60 + ["val"] * 28 + ["test"] * 8, "row": range(96)})
        return pipeline.batches(pixels.astype(np.uint8), frame, augment or Augment(), 16, seed)

    return build


@pytest.fixture(scope="session")
def config(tmp_path_factory) -> Config:
    """Three epochs of the head, three of fine-tuning, everything through the whole network."""
    base = Config(
        data=Data(cache=str(tmp_path_factory.mktemp("cache"))),
        model=Model(name="mobilenet", fine_tune=FineTune(fraction=0.5, epochs=3, lr=1e-3)),
        optim=Optim(epochs=3, batch_size=16, lr=1e-2),
        tracking=Tracking(tensorboard=False),
    )
    return replace(base, training=replace(base.training, features="off"))


@pytest.fixture(scope="session")
def mobilenet_file(weights) -> Path:
    """Real weights of the narrowest MobileNetV2."""
    return weights / "mobilenet_v2_0.35_224_no_top.weights.h5"
