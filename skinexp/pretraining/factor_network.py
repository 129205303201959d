"""A backbone under one linear layer that tells the factors of phantoms, and its training at two sizes of image."""

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
from skinexp.models.backbones import CONTRACTS, attach_backbone
from skinexp.training import optimizers
from skinexp.training.augmented_model import AugmentedModel
from skinexp.training.callbacks import EpochSync

log = logging.getLogger(__name__)

CHECKPOINT = "unfinished.weights.h5"
START = 0.01  # share of the learning rate that the warm-up begins with


@dataclass(frozen=True)
class Pretrained:
    """A network that learns, and the part of it that is kept.

    Attributes:
        network: (n, height, width, 3) pixels 0..255 in, of any size; (n, k) logits out.
        backbone: from the same pixels to the last activation.
    """

    network: keras.Model
    backbone: keras.Model


def build(options: Model, count: int) -> Pretrained:
    """The network for `count` factors.

    What it tells stands in one linear layer, so that a linear head finds it in the pooled features.
    """
    contract = CONTRACTS[options.name]
    pixels = keras.Input((None, None, 3), name="pixels")
    backbone = attach_backbone(contract, options.alpha, pixels, "contract")
    for layer in backbone.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = options.batch_norm_momentum
        if isinstance(layer, layers.Dropout):
            layer.rate = 0.0  # so short a training has no time to learn anything by heart
    features = layers.GlobalAveragePooling2D(name="features")(backbone.output)
    logits = layers.Dense(count, dtype="float32", name="factors")(features)
    return Pretrained(keras.Model(pixels, logits, name=options.name), backbone)


class Learner(AugmentedModel):
    """The network as it is trained and judged: on images of one size, whatever size they come in."""

    def __init__(self, network: keras.Model, augmentation: Augmentation, size: int):
        super().__init__(network, augmentation)
        self.size = size

    def call(self, inputs, training=False):
        if isinstance(inputs, (tuple, list)):
            inputs = self.augmentation(*inputs)
        return self.network(resized(inputs, self.size), training=training)


def resized(images: Any, size: int) -> Any:
    """(n, size, size, 3) float32 of (n, side, side, 3), in the backend's hands."""
    images = ops.cast(images, "float32")
    if images.shape[1] == size:
        return images
    return ops.image.resize(images, (size, size), antialias=True, data_format="channels_last")


def learn(pretrained: Pretrained, batches: TrainingBatches, config: Pretraining, directory: Path) -> list[float]:
    """Trains the network in place: on small images first, then on larger ones, along one cosine of learning rates.

    Args:
        directory: in which the weights are kept after each epoch, until the last is over: where the training is cut
            off, they are a file that `model.weights` takes.

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
    with terminal.bar("Learning", steps) as bar:
        for size, last in ((pretrain.small_size, pretrain.small_epochs), (config.data.preprocess.size, optim.epochs)):
            if last == len(losses):
                continue
            learner = Learner(pretrained.network, Augmentation(config.augment), size)
            learner.compile(optimizer, loss(), jit_compile=config.compute.jit_compile)
            learner.fit(
                batches.dataset(),
                initial_epoch=len(losses),
                epochs=last,
                callbacks=[EpochSync(batches), Progress(bar, losses, optim.epochs, directory / CHECKPOINT)],
                shuffle=False,  # the batches come shuffled
                verbose=0,
            )
    (directory / CHECKPOINT).unlink()
    return losses


def loss() -> keras.losses.Loss:
    """Cross-entropy of each factor, also of those that are numbers in 0..1: it is least where the logit says them."""
    return keras.losses.BinaryCrossentropy(from_logits=True)


class Progress(keras.callbacks.Callback):
    """Says how far a training is, and keeps what it has."""

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
