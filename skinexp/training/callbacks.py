"""What happens between epochs: the record, the best weights, the progress display, the stop at a lost loss."""

import logging
import math
import time
from collections.abc import Callable

import keras

from skinexp import terminal
from skinexp.data.pipeline import EpochBatches
from skinexp.training.phases import Phase

log = logging.getLogger(__name__)

Record = dict[str, object]  # epoch, phase, seconds, lr, train/loss, val/loss, ...


class NonFiniteLoss(RuntimeError):
    """Training cannot go on: the loss is no number any more."""


class EpochOrder(keras.callbacks.Callback):
    """Tells the training batches which epoch they are drawn for."""

    def __init__(self, batches: EpochBatches):
        super().__init__()
        self._batches = batches

    def on_epoch_begin(self, epoch, logs=None):
        self._batches.begin(epoch)


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
        names = [name for name in logs if not name.startswith("val_") and name != "learning_rate"]
        record: Record = {
            "epoch": epoch + 1,
            "phase": self.phase.name,
            "seconds": round(time.perf_counter() - self._start, 3),
            "lr": float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
        }
        record |= {f"train/{name}": float(logs[name]) for name in names}
        record |= {f"val/{name}": float(logs[f"val_{name}"]) for name in names if f"val_{name}" in logs}
        self.records.append(record)
        self._on_epoch(record)
        if not (math.isfinite(record["train/loss"]) and math.isfinite(record["val/loss"])):
            raise NonFiniteLoss(
                f"The loss became {record['train/loss']:g} in training, {record['val/loss']:g} in validation, in epoch "
                f"{epoch + 1} (phase {self.phase.name}, learning rate {record['lr']:g}). Lower "
                f"{'model.fine_tune.lr' if self.phase.name == 'fine_tune' else 'optim.lr'}"
            )


class BestWeights(keras.callbacks.Callback):
    """Keeps what is trained whenever the monitor is better than in any epoch of any phase before."""

    def __init__(self, monitor: str):
        super().__init__()
        self.epoch = 0  # the best one, counted from 1
        self._monitor = monitor
        self._sign = -1.0 if monitor.endswith("loss") else 1.0
        self._best = -math.inf

    def on_train_begin(self, logs=None):
        self._kept = self.model.get_weights()  # a phase begins with the best weights so far

    def on_epoch_end(self, epoch, logs=None):
        value = self._sign * float(logs[self._monitor])
        if value > self._best or not self.epoch:
            self._best, self.epoch = value, epoch + 1
            self._kept = self.model.get_weights()

    def on_train_end(self, logs=None):
        self.model.set_weights(self._kept)


class ProgressBar(keras.callbacks.Callback):
    """A bar that moves with each batch and says how the last epoch went."""

    def __init__(self, bar: terminal.Bar, phase: Phase):
        super().__init__()
        self._bar, self._phase = bar, phase
        self._first = None

    def on_train_batch_end(self, batch, logs=None):
        self._bar.advance()

    def on_epoch_end(self, epoch, logs=None):
        self._first = epoch if self._first is None else self._first
        done = f"{epoch - self._first + 1}/{self._phase.epochs}"
        validation = f"validation loss {logs['val_loss']:.3f}, AUC {logs['val_auc']:.3f}"
        self._bar.say(f"epoch {done}, {validation}")
        log.debug("  %s epoch %s: loss %.3f, %s", self._phase.name, done, logs["loss"], validation)
