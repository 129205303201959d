"""What the doctor looks at while a phase trains: between epochs, never inside the training step."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras
import numpy as np

from skinexp.health import network_readings
from skinexp.health.ask import Kernels, Questions
from skinexp.health.chart import Evidence
from skinexp.health.thresholds import limit

LOOKED_AT = frozenset(5**power for power in range(10))  # epochs, counted from 1
LOGGED = ("feature_cosine", "logit_std", "predicted_positive", "dead_units")


class Watch(keras.callbacks.Callback):
    """Adds readings to the epoch's logs, from where they go to history.csv and MLflow.

    How far the weights moved is read after every epoch, what the network answers to a few images after the 1st, 5th,
    25th, ...: what a look costs is shared by ever more epochs. There is one at the end of the phase too where training
    images were not learned.
    """

    IMAGES = 32

    def __init__(
        self,
        questions: Questions,
        inputs: np.ndarray,
        entropy: float,
        at_end: Callable[[Evidence, int], None],
        count: Callable[[float], None],
    ):
        """
        Args:
            questions: to what the phase trains.
            inputs: (n, ...) what that sees of some validation images.
            entropy: of the labels, in nats.
            at_end: takes the last readings, if there were any, and the number of epochs so far, when the phase is over.
            count: takes the seconds of each look.
        """
        super().__init__()
        self._questions, self._inputs, self._entropy = questions, inputs, entropy
        self._suspect = True  # whether training images are not learned
        self._at_end, self._count = at_end, count
        self._begun: Kernels = {}  # as the epoch begins
        self._epochs = 0
        self._readings, self._read = Evidence(), -1  # of the latest look, and after how many epochs that was

    def on_epoch_begin(self, epoch, logs=None):
        if self._begun:
            return
        with self._counted():
            self._begun = self._questions.kernels()

    def on_epoch_end(self, epoch, logs=None):
        with self._counted():
            self._epochs = epoch + 1
            self._suspect = not logs["loss"] < limit("weak_fit") * self._entropy
            kernels = self._questions.kernels()
            moved = network_readings.movement(kernels, self._begun)
            self._begun = kernels
            logs["health/update_ratio"] = float(np.median(moved))
            if self._epochs in LOOKED_AT:
                self._look()
                logs |= {f"health/{name}": self._readings[name] for name in LOGGED}

    def on_train_end(self, logs=None):
        with self._counted():
            if self._suspect:
                self._look()
            self._at_end(self._readings, self._epochs)

    def _look(self) -> None:
        if self._read != self._epochs:
            self._readings = network_readings.of_answers(self._questions.answers(self._inputs))
            self._read = self._epochs

    @contextmanager
    def _counted(self) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self._count(time.perf_counter() - start)
