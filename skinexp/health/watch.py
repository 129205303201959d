"""What the doctor looks at while a phase trains: between epochs, never inside the training step."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras
import numpy as np

from skinexp.health import network_readings
from skinexp.health.ask import Kernels, Questions
from skinexp.health.chart import Evidence

LOOKED_AT = frozenset(4**power for power in range(10))  # epochs, counted from 1
LOGGED = ("feature_cosine", "logit_std", "predicted_positive", "dead_units")


class Watch(keras.callbacks.Callback):
    """Adds readings to the epoch's logs, from where they go to history.csv and MLflow.

    How far the weights moved is read after every epoch, what the network answers to a few images after the 1st, 4th,
    16th, ...: what a look costs is shared by ever more epochs.
    """

    IMAGES = 32

    def __init__(
        self,
        questions: Questions,
        inputs: np.ndarray,
        at_end: Callable[[Evidence, int], None],
        count: Callable[[float], None],
    ):
        """
        Args:
            questions: to what the phase trains.
            inputs: (n, ...) what that sees of some validation images.
            at_end: takes the last readings and the number of epochs so far, when the phase is over.
            count: takes the seconds of each look.
        """
        super().__init__()
        self._questions, self._inputs = questions, inputs
        self._at_end, self._count = at_end, count
        self._begun: Kernels = {}  # as the epoch begins
        self._epochs, self._latest = 0, (0, Evidence())  # the latest readings, with the epoch that they are from

    def on_epoch_begin(self, epoch, logs=None):
        if self._begun:
            return
        with self._counted():
            self._begun = self._questions.kernels()

    def on_epoch_end(self, epoch, logs=None):
        with self._counted():
            self._epochs = epoch + 1
            kernels = self._questions.kernels()
            moved = network_readings.movement(kernels, self._begun)
            self._begun = kernels
            logs["health/update_ratio"] = float(np.median(moved))
            if self._epochs in LOOKED_AT:
                readings = self._readings()
                logs |= {f"health/{name}": readings[name] for name in LOGGED if name in readings}

    def on_train_end(self, logs=None):
        with self._counted():
            self._at_end(self._readings(), self._epochs)

    def _readings(self) -> Evidence:
        epoch, readings = self._latest
        if epoch != self._epochs or not readings:
            readings = network_readings.of_answers(self._questions.answers(self._inputs))
            self._latest = (self._epochs, readings)
        return readings

    @contextmanager
    def _counted(self) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self._count(time.perf_counter() - start)
