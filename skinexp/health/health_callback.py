"""Measurements of the doctor while a phase trains, between epochs and never inside the training step."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras
import numpy as np

from skinexp.health import network_readings
from skinexp.health.diagnostic_limits import limit
from skinexp.health.network_probe import Kernels, NetworkProbe
from skinexp.health.readings import Readings

PROBED_EPOCHS = frozenset(5**power for power in range(10))  # counted from 1

AtEnd = Callable[[Readings, int], None]  # takes the last readings and the number of epochs so far


class HealthCallback(keras.callbacks.Callback):
    """Adds readings to the epoch's logs, which go to history.csv and MLflow.

    The change of the weights is measured after every epoch. The outputs for a few images are measured after epochs 1,
    5, 25, ..., so that their cost is shared by more and more epochs; and at the end of the phase if the training images
    were not fitted.
    """

    IMAGES = 32

    def __init__(
        self,
        probe: NetworkProbe,
        inputs: np.ndarray,
        constant_loss: float,
        at_end: AtEnd,
        add_seconds: Callable[[float], None],
    ):
        """
        Args:
            probe: what the phase trains.
            inputs: (n, ...) its inputs for some validation images.
            constant_loss: of the training labels, in nats.
            at_end: called when the phase is over.
            add_seconds: takes the seconds that each measurement took.
        """
        super().__init__()
        self.error: Exception | None = None  # that ended the measurements
        self._probe, self._inputs, self._constant_loss = probe, inputs, constant_loss
        self._weak_fit = True  # whether the training images are not fitted
        self._at_end, self._add_seconds = at_end, add_seconds
        self._kernels: Kernels = {}  # at the beginning of the epoch
        self._epochs = 0
        self._readings, self._read_after = (
            Readings(),
            -1,
        )  # the latest outputs, and the epoch after which they were read

    def on_epoch_begin(self, epoch, logs=None):
        if self._kernels or self.error is not None:
            return
        with self._timed():
            self._kernels = self._probe.kernels()

    def on_epoch_end(self, epoch, logs=None):
        if self.error is not None:
            return
        with self._timed():
            self._epochs = epoch + 1
            self._weak_fit = not logs["loss"] < limit("weak_fit") * self._constant_loss
            kernels = self._probe.kernels()
            moved = network_readings.movement(kernels, self._kernels)
            self._kernels = kernels
            logs["health/update_ratio"] = float(np.median(moved))
            if self._epochs in PROBED_EPOCHS:
                self._read_outputs()
                logs["health/feature_cosine"] = self._readings.feature_cosine
                logs["health/logit_std"] = self._readings.logit_std
                logs["health/predicted_positive"] = self._readings.predicted_positive
                logs["health/dead_units"] = self._readings.dead_units

    def on_train_end(self, logs=None):
        if self.error is not None:
            return
        with self._timed():
            if self._weak_fit:
                self._read_outputs()
            self._at_end(self._readings, self._epochs)

    def _read_outputs(self) -> None:
        if self._read_after != self._epochs:
            self._readings = network_readings.read_outputs(self._probe.probe(self._inputs))
            self._read_after = self._epochs

    @contextmanager
    def _timed(self) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        except Exception as error:  # a measurement must not cost the training; the doctor raises it at the end
            self.error = error
        self._add_seconds(time.perf_counter() - start)
