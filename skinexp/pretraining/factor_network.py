"""A backbone with one linear layer that predicts the factors of phantoms, and its training at two image sizes."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
from keras import layers, ops

from skinexp.config.schema import Model, Pretraining
from skinexp.core import terminal
from skinexp.data.augment import Augmentation
from skinexp.data.pipeline import TrainingBatches
from skinexp.models.backbone_graphs import CONTRACTS, attach_backbone
from skinexp.training import optimizers
from skinexp.training.augmented_model import AugmentedModel
from skinexp.training.callbacks import EpochSync

log = logging.getLogger(__name__)

CHECKPOINT = "unfinished.weights.h5"
START = 0.01  # the warm-up begins at this share of the learning rate


@dataclass(frozen=True)
class Pretrained:
    """A network that predicts factors, and the part of it whose weights are kept.

    Attributes:
        network: from (n, height, width, 3) pixels 0..255 of any size to (n, k) logits.
        backbone: from the same pixels to the last activation.
    """

    network: keras.Model
    backbone: keras.Model


def build(options: Model, count: int) -> Pretrained:
    """Builds a network that predicts `count` factors with one linear layer.

    The pooled features then contain the factors in a form that a linear head can use.
    """
    contract = CONTRACTS[options.name]
    pixels = keras.Input((None, None, 3), name="pixels")
    backbone = attach_backbone(contract, options.alpha, pixels, "contract")
    for layer in backbone.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = options.batch_norm_momentum
        if isinstance(layer, layers.Dropout):
            layer.rate = 0.0  # a training this short does not overfit
    features = layers.GlobalAveragePooling2D(name="features")(backbone.output)
    logits = layers.Dense(count, dtype="float32", name="factors")(features)
    return Pretrained(keras.Model(pixels, logits, name=options.name), backbone)


class ResizingModel(AugmentedModel):
    """The network during training: it resizes images of any size to one size."""

    def __init__(self, network: keras.Model, augmentation: Augmentation, size: int):
        super().__init__(network, augmentation)
        self.size = size

    def call(self, inputs, training=False):
        if isinstance(inputs, (tuple, list)):
            inputs = self.augmentation(*inputs)
        return self.network(resized(inputs, self.size), training=training)


def resized(images: Any, size: int) -> Any:
    """Returns (n, size, size, 3) float32, a tensor of the backend, of images (n, side, side, 3)."""
    images = ops.cast(images, "float32")
    if images.shape[1] == size:
        return images
    return ops.image.resize(images, (size, size), antialias=True, data_format="channels_last")


def train(pretrained: Pretrained, batches: TrainingBatches, config: Pretraining, directory: Path) -> list[float]:
    """Trains the network in place: on small images first, then on larger ones, with one cosine of learning rates.

    Args:
        pretrained: the network.
        batches: of training images, whose labels are factors.
        config: the recipe.
        directory: in which the weights are saved after each epoch, and deleted at the end. If the training is
            interrupted, `model.weights` accepts this file.

    Returns:
        The loss of each epoch.
    """
    optim, pretrain = config.optim, config.pretrain
    steps = optim.epochs * batches.steps
    warm = round(pretrain.warm_up * steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        START * optim.lr, steps - warm, warmup_target=optim.lr, warmup_steps=warm
    )
    optimizer = optimizers.OPTIMIZERS[optim.name](optim, schedule)
    losses: list[float] = []
    with terminal.bar("Pretraining", steps) as bar:
        for size, last in ((pretrain.small_size, pretrain.small_epochs), (config.data.preprocess.size, optim.epochs)):
            if last == len(losses):
                continue
            model = ResizingModel(pretrained.network, Augmentation(config.augment), size)
            model.compile(optimizer, loss(), jit_compile=config.compute.jit_compile)
            model.fit(
                batches.dataset(),
                initial_epoch=len(losses),
                epochs=last,
                callbacks=[EpochSync(batches), Progress(bar, losses, optim.epochs, directory / CHECKPOINT)],
                shuffle=False,  # the batches are shuffled already
                verbose=0,
            )
    (directory / CHECKPOINT).unlink()
    return losses


def loss() -> keras.losses.Loss:
    """Returns the cross-entropy of each factor. It is minimal at the factor itself, also if that is between 0 and 1."""
    return keras.losses.BinaryCrossentropy(from_logits=True)


class Progress(keras.callbacks.Callback):
    """Callback that shows the progress, records the losses, and saves the weights after each epoch."""

    def __init__(self, bar: terminal.Bar, losses: list[float], epochs: int, file: Path):
        super().__init__()
        self._bar, self._losses, self._epochs, self._file = bar, losses, epochs, file

    def on_train_batch_end(self, batch, logs=None):
        self._bar.advance()

    def on_epoch_end(self, epoch, logs=None):
        self._losses.append(round(float(logs["loss"]), 4))
        words = f"epoch {epoch + 1}/{self._epochs} at {self.model.size} px: loss {logs['loss']:.4f}"
        self._bar.say(words)
        log.debug("  %s", words)
        self.model.network.save_weights(self._file)
