"""Keras' callbacks that stop a phase or lower its learning rate, with counters that a checkpoint can hold."""

from typing import Protocol

import keras

from skinexp.config.schema import Optim

Counters = dict[str, float | None]


class Stopper(Protocol):
    """A callback whose counters belong to a checkpoint."""

    def counters(self) -> Counters:
        """Returns what the callback has counted in this phase."""

    def restore(self, counters: Counters) -> None:
        """Sets the counters to those of an interrupted phase; Keras resets them when training begins."""


class EarlyStopping(keras.callbacks.EarlyStopping):
    """Keras' early stopping, resumable."""

    def counters(self) -> Counters:
        return {"wait": self.wait, "best": self.best}

    def restore(self, counters: Counters) -> None:
        self.wait, self.best = counters["wait"], counters["best"]


class ReduceLROnPlateau(keras.callbacks.ReduceLROnPlateau):
    """Keras' reduction of the learning rate on a plateau, resumable."""

    def counters(self) -> Counters:
        return {"wait": self.wait, "best": self.best, "cooldown_counter": self.cooldown_counter}

    def restore(self, counters: Counters) -> None:
        self.wait, self.best = counters["wait"], counters["best"]
        self.cooldown_counter = counters["cooldown_counter"]


def build_stoppers(optim: Optim) -> list[Stopper]:
    """Returns the callbacks that watch the monitor during one phase."""
    mode = "min" if optim.monitor.endswith("loss") else "max"
    stop = EarlyStopping(monitor=optim.monitor, mode=mode, patience=optim.patience)
    if optim.schedule == "cosine":
        return [stop]
    reduce = optim.reduce_lr
    plateau = ReduceLROnPlateau(
        monitor=optim.monitor, mode=mode, factor=reduce.factor, patience=reduce.patience, min_lr=reduce.min_lr
    )
    return [stop, plateau]
