"""The epoch monitor: readings while phases train, and at the end of each phase."""

import json
import logging
from pathlib import Path

import keras

from skinexp.core import run_files
from skinexp.core.atomic_files import replace_text
from skinexp.core.strict_json import read_json, to_strict_json
from skinexp.health import network_readings
from skinexp.health.examined_training import ExaminedTraining
from skinexp.health.health_callback import HealthCallback
from skinexp.health.readings import Readings
from skinexp.training.checkpoints import FOLDER
from skinexp.training.phase_task import PhaseTask
from skinexp.training.phases import Phase

log = logging.getLogger(__name__)


class EpochMonitor:
    """Measures a training while it runs.

    Attributes:
        phase_ends: readings at the end of each phase, by its name.
        seconds: that the measurements took.
    """

    def __init__(self, training: ExaminedTraining, constant_loss: float):
        """
        Args:
            training: the training; if it was interrupted, the monitor knows the phases that have ended.
            constant_loss: of the training labels, in nats.
        """
        self.seconds = 0.0
        self._callbacks: list[HealthCallback] = []
        self._failure: Exception | None = None
        self._training, self._constant_loss = training, constant_loss
        # Beside the checkpoints: the ends of phases that a resumed run does not train again.
        self._file = training.directory / FOLDER / run_files.HEALTH
        self.phase_ends = _kept(self._file)

    def callbacks(self, phase: Phase, task: PhaseTask) -> list[keras.callbacks.Callback]:
        """Returns the callbacks that measure a phase and change nothing; none if they cannot be made: see `error`.

        Args:
            phase: the phase that begins.
            task: what the phase trains, and on what.
        """
        try:
            self._callbacks.append(self._callback(phase, task))
        except Exception as error:  # an examination must not cost the training
            self._failure = error
            return []
        return [self._callbacks[-1]]

    def _callback(self, phase: Phase, task: PhaseTask) -> HealthCallback:
        training = self._training
        probe = training.probe_above(task.layer)
        start = probe.kernels()
        members = training.sample_validation(HealthCallback.IMAGES)
        inputs = training.batches.val.read(members) if task.activations is None else task.activations[members]

        def read_end(readings: Readings, epochs: int) -> None:
            # The weights are those of the last epoch: the training has not yet put back those of the best one.
            moved = network_readings.read_training(probe.kernels(), start)
            self._add_end(phase, readings | moved | training.read_normalizations(epochs))

        return HealthCallback(probe, inputs, self._constant_loss, read_end, self._add_seconds)

    @property
    def error(self) -> Exception | None:
        """The first error that ended measurements; None if there is none."""
        errors = [self._failure, *(callback.error for callback in self._callbacks)]
        return next((error for error in errors if error is not None), None)

    def _add_end(self, phase: Phase, readings: Readings) -> None:
        self.phase_ends[phase.name] = readings
        self._file.parent.mkdir(parents=True, exist_ok=True)
        ends = {name: end.to_dict() for name, end in self.phase_ends.items()}
        replace_text(self._file, json.dumps(to_strict_json(ends)))

    def _add_seconds(self, seconds: float) -> None:
        self.seconds += seconds


def _kept(file: Path) -> dict[str, Readings]:
    """Returns the readings that an interrupted training left; none of a damaged file."""
    try:
        return {name: Readings.from_dict(values) for name, values in read_json(file).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("Damaged   %s: the ends of earlier phases are not examined (%s)", file, error)
        return {}
