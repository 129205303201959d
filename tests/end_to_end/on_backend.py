"""Run as a script, on one backend: gives networks the same weights on each, which the same seed does not.

python on_backend.py BACKEND draw WEIGHTS              draws weights of each model and writes them
python on_backend.py BACKEND answer WEIGHTS FILE       logits and Grad-CAM of each model for the same phantoms
python on_backend.py BACKEND train WEIGHTS OVERRIDES   the training command, from these weights and without dropout
"""

import os
import runpy
import sys
from pathlib import Path

backend, what, directory, *arguments = sys.argv[1:]
os.environ["KERAS_BACKEND"] = backend

import keras  # noqa: E402
import numpy as np  # noqa: E402

from skinexp import models  # noqa: E402
from skinexp.config.schema import Augment, Model, Phantom  # noqa: E402
from skinexp.data.augment import Augmentation  # noqa: E402
from skinexp.data.phantom import render  # noqa: E402
from skinexp.explain.methods import gradcam  # noqa: E402
from skinexp.models import Classifier  # noqa: E402
from skinexp.models.backbone_graphs import CONTRACTS, build_backbone  # noqa: E402
from skinexp.models.classifier import FEATURES  # noqa: E402
from skinexp.training.augmented_model import AugmentedModel  # noqa: E402
from skinexp.training.cut import HeadModel  # noqa: E402

SIZE, IMAGES = 64, 8
MODELS = ("scratch", "mobilenet", "efficientnet")
WEIGHTS = Path(directory)


def phantoms() -> np.ndarray:
    return np.stack([render(0, index, Phantom(size=SIZE)).image for index in range(IMAGES)])


def draw() -> None:
    """Random weights with the statistics that training gives: without, all images have nearly the same logit."""
    keras.utils.set_random_seed(0)
    for name in MODELS:
        network = models.build(Model(name=name), SIZE).network
        normalizations = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
        momenta = [layer.momentum for layer in normalizations]
        for layer in normalizations:
            layer.momentum = 0.0  # one batch gives all the statistics
        network(phantoms(), training=True)
        for layer, momentum in zip(normalizations, momenta, strict=True):
            layer.momentum = momentum
        network.save_weights(WEIGHTS / f"{name}.weights.h5")
        if name in CONTRACTS:  # a file that counts as pretrained; what it holds is replaced
            contract = CONTRACTS[name]
            backbone = build_backbone(contract, 1.0, weights=None, input_shape=(SIZE, SIZE, 3))
            backbone.save_weights(WEIGHTS / f"{contract.file_prefix(1.0)}no_top.weights.h5")


def given(options: Model, size: int, dropout: float = 0.0) -> Classifier:
    """Without dropout, as each backend drops other units."""
    classifier = drawn(options, size)
    classifier.network.load_weights(WEIGHTS / f"{options.name}.weights.h5")
    for layer in classifier.network.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = dropout
    return classifier


def answer(file: str) -> None:
    images, signs = phantoms(), np.where(np.arange(IMAGES) % 2, 1, -1)
    found = {}
    for name in MODELS:
        classifier = given(Model(name=name), SIZE)
        found[f"{name} logits"] = classifier.network.predict(images, verbose=0)[:, 0]
        found[f"{name} maps"] = gradcam.explain(classifier, images, signs)
    whole, above = (given(Model(name=name), SIZE, dropout=0.5) for name in ("scratch", "mobilenet"))
    features = keras.Function(above.network.inputs[0], above.network.get_layer(FEATURES).output)(images)
    found["whole losses"] = losses(AugmentedModel(whole.network, Augmentation(Augment())), images)
    found["top losses"] = losses(HeadModel(above, FEATURES), keras.ops.convert_to_numpy(features))
    np.savez(file, **found)


def losses(model: keras.Model, inputs: np.ndarray) -> list[float]:
    """Of one batch, three times in training, where nothing is learned: only dropout tells them apart."""
    labels = (np.arange(len(inputs)) % 2).astype(np.float32)[:, None]
    model.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True), jit_compile=backend == "jax")
    model.optimizer.learning_rate = 0.0
    return [float(model.train_on_batch(inputs, labels)) for _ in range(3)]


def train(overrides: list[str]) -> None:
    models.build = given
    sys.argv = ["skinexp.train", *overrides]
    runpy.run_module("skinexp.train", run_name="__main__", alter_sys=True)


drawn = models.build
if what == "draw":
    draw()
elif what == "answer":
    answer(*arguments)
else:
    train(arguments)
