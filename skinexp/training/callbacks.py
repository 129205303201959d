"""Callbacks between epochs: one row per epoch, the best weights, the progress bar, the stop at a non-finite loss."""

import logging
import math
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from skinexp.core import terminal
from skinexp.core.number_format import three_decimals
from skinexp.core.randomness import rng
from skinexp.data.pipeline import EpochBatches
from skinexp.training.phases import Phase, learning

log = logging.getLogger(__name__)

EpochRow = dict[str, Any]  # epoch, phase, seconds, lr, train/loss, val/loss, ...


class NonFiniteLoss(RuntimeError):
    """The error that ends a training whose loss is not finite.

    Attributes:
        rows: one for each epoch so far.
    """

    def __init__(self, message: str, rows: list[EpochRow]):
        super().__init__(message)
        self.rows = rows


class EpochSync(keras.callbacks.Callback):
    """A callback that passes the number of the epoch to what draws random numbers for it.

    These are the training batches and, on PyTorch, dropout: there Keras draws it from PyTorch's generator, elsewhere
    from seeds of its layers, which checkpoints hold.
    """

    def __init__(self, batches: EpochBatches):
        super().__init__()
        self._batches = batches

    def on_epoch_begin(self, epoch, logs=None):
        self._batches.begin(epoch)
        if keras.backend.backend() == "torch":
            import torch

            torch.manual_seed(int(rng(self._batches.seed, "dropout", epoch).integers(2**31)))


class EpochLogger(keras.callbacks.Callback):
    """A callback that collects one row per epoch, over all phases, and passes each on at once.

    Attributes:
        rows: one for each epoch so far.
        phase: the phase that is trained now; set before each phase.
    """

    def __init__(self, on_epoch: Callable[[EpochRow], None], phase: Phase):
        super().__init__()
        self.rows: list[EpochRow] = []
        self.phase = phase
        self._on_epoch = on_epoch
        self._start = 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        logs = dict(logs or {})
        health = {name: value for name, value in logs.items() if name.startswith("health/")}
        names = [name for name in logs if not name.startswith(("val_", "health/")) and name != "learning_rate"]
        row: EpochRow = {
            "epoch": epoch + 1,
            "phase": self.phase.name,
            "seconds": round(time.perf_counter() - self._start, 3),
            "lr": float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
        }
        row |= {f"train/{name}": float(logs[name]) for name in names}
        row |= {f"val/{name}": float(logs[f"val_{name}"]) for name in names if f"val_{name}" in logs}
        row |= health
        self.rows.append(row)
        self._on_epoch(row)
        if not (math.isfinite(row["train/loss"]) and math.isfinite(row["val/loss"])):
            raise NonFiniteLoss(
                f"The loss became {row['train/loss']:g} in training, {row['val/loss']:g} in validation, in epoch "
                f"{epoch + 1} (phase {self.phase.name}, learning rate {row['lr']:g}). Lower "
                f"{'model.fine_tune.lr' if self.phase.name == 'fine_tune' else 'optim.lr'}",
                self.rows,
            )


class BestWeights(keras.callbacks.Callback):
    """A callback that keeps the trained weights of the epoch whose monitor is the best of all phases so far."""

    def __init__(self, monitor: str, network: keras.Model):
        super().__init__()
        self.epoch = 0  # the best one, counted from 1
        self.value = -math.inf  # of the monitor there, negative where less is better
        self.kept: dict[str, np.ndarray] = {}  # by layer and number
        self._monitor, self._network = monitor, network
        self._sign = -1.0 if monitor.endswith("loss") else 1.0

    def on_train_begin(self, logs=None):
        self._keep()  # a phase begins with the best weights so far

    def on_epoch_end(self, epoch, logs=None):
        value = self._sign * float(logs[self._monitor])
        if value > self.value or not self.epoch:
            self.value, self.epoch = value, epoch + 1
            self._keep()

    def on_train_end(self, logs=None):
        for name, weight in self._weights().items():
            weight.assign(self.kept[name])

    def _keep(self) -> None:
        self.kept = {name: keras.ops.convert_to_numpy(weight) for name, weight in self._weights().items()}

    def _weights(self) -> dict[str, keras.Variable]:
        layers = learning(self._network)
        return {f"{layer.name}/{number}": weight for layer in layers for number, weight in enumerate(layer.weights)}


class ProgressBar(keras.callbacks.Callback):
    """A progress bar that advances with the batches and shows the last epoch's scores."""

    def __init__(self, bar: terminal.Bar, phase: Phase, first: int):
        """
        Args:
            first: the epoch that the phase begins with.
        """
        super().__init__()
        self._bar, self._phase, self._first = bar, phase, first
        self._begun = 0  # the first of the batches that are in work

    def on_train_batch_begin(self, batch, logs=None):
        self._begun = batch

    def on_train_batch_end(self, batch, logs=None):
        self._bar.advance(min(batch + 1, self.params["steps"]) - self._begun)  # several, where they are done at once

    def on_epoch_end(self, epoch, logs=None):
        done = f"{epoch - self._first + 1}/{self._phase.epochs}"
        validation = f"validation loss {logs['val_loss']:.3f}, AUC {three_decimals(logs['val_auc'])}"
        self._bar.say(f"epoch {done}, {validation}")
        log.debug("  %s epoch %s: loss %.3f, %s", self._phase.name, done, logs["loss"], validation)
