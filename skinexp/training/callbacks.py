"""What happens between epochs: the record, the best weights, the progress display, the stop at a lost loss."""

import logging
import math
import time
from collections.abc import Callable

import keras
import numpy as np

from skinexp.core import terminal
from skinexp.core.randomness import rng
from skinexp.data.pipeline import EpochBatches
from skinexp.training.phases import Phase, learning

log = logging.getLogger(__name__)

Record = dict[str, object]  # epoch, phase, seconds, lr, train/loss, val/loss, ...


class NonFiniteLoss(RuntimeError):
    """Training cannot go on: the loss is no number any more.

    Attributes:
        records: of the epochs so far.
    """

    def __init__(self, message: str, records: list[Record]):
        super().__init__(message)
        self.records = records


class EpochOrder(keras.callbacks.Callback):
    """Tells what draws which epoch it draws for: the training batches and, on PyTorch, dropout.

    There Keras takes dropout from PyTorch's generator, elsewhere from seeds of its layers, which checkpoints hold.
    """

    def __init__(self, batches: EpochBatches):
        super().__init__()
        self._batches = batches

    def on_epoch_begin(self, epoch, logs=None):
        self._batches.begin(epoch)
        if keras.backend.backend() == "torch":
            import torch

            torch.manual_seed(int(rng(self._batches.seed, "dropout", epoch).integers(2**31)))


class Recorder(keras.callbacks.Callback):
    """Keeps one record an epoch, over all phases, and passes it on as soon as it is there."""

    def __init__(self, on_epoch: Callable[[Record], None]):
        super().__init__()
        self.records: list[Record] = []
        self.phase: Phase | None = None  # set before each phase
        self._on_epoch = on_epoch
        self._start = 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        logs = dict(logs or {})
        health = {name: value for name, value in logs.items() if name.startswith("health/")}
        names = [name for name in logs if not name.startswith(("val_", "health/")) and name != "learning_rate"]
        record: Record = {
            "epoch": epoch + 1,
            "phase": self.phase.name,
            "seconds": round(time.perf_counter() - self._start, 3),
            "lr": float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
        }
        record |= {f"train/{name}": float(logs[name]) for name in names}
        record |= {f"val/{name}": float(logs[f"val_{name}"]) for name in names if f"val_{name}" in logs}
        record |= health
        self.records.append(record)
        self._on_epoch(record)
        if not (math.isfinite(record["train/loss"]) and math.isfinite(record["val/loss"])):
            raise NonFiniteLoss(
                f"The loss became {record['train/loss']:g} in training, {record['val/loss']:g} in validation, in epoch "
                f"{epoch + 1} (phase {self.phase.name}, learning rate {record['lr']:g}). Lower "
                f"{'model.fine_tune.lr' if self.phase.name == 'fine_tune' else 'optim.lr'}",
                self.records,
            )


class BestWeights(keras.callbacks.Callback):
    """Keeps what is trained whenever the monitor is better than in any epoch of any phase before."""

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
    """A bar that moves with the batches and says how the last epoch went."""

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
        validation = f"validation loss {logs['val_loss']:.3f}, AUC {logs['val_auc']:.3f}"
        self._bar.say(f"epoch {done}, {validation}")
        log.debug("  %s epoch %s: loss %.3f, %s", self._phase.name, done, logs["loss"], validation)
