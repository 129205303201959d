"""The doctor: examines a training before, while and after it runs, and names what is wrong, why, and what to do.

It changes nothing: a training with the doctor gives the same numbers as one without.
"""

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from skinexp.config.schema import Config
from skinexp.core import run_files
from skinexp.core.atomic_files import replace_text
from skinexp.core.errors import UserError
from skinexp.core.strict_json import to_strict_json
from skinexp.data.pipeline import Batches
from skinexp.data.preparation.image_cache import Prepared
from skinexp.health.epoch_monitor import EpochMonitor
from skinexp.health.examined_training import ExaminedTraining
from skinexp.health.health_verdict import Verdict
from skinexp.health.kept_weights import observe_kept_weights
from skinexp.health.observations import Observations
from skinexp.health.preflight import Preflight
from skinexp.health.readings import measured
from skinexp.models import Classifier
from skinexp.models.prediction import Predictions
from skinexp.training.phase_task import PhaseTask
from skinexp.training.phases import Phase

log = logging.getLogger(__name__)


class Doctor:
    """Examines one training: `Preflight` before it, `EpochMonitor` while it runs, `Verdict` when it is over.

    Nothing is examined if `health.policy=off`.
    """

    def __init__(self, classifier: Classifier, prepared: Prepared, batches: Batches, config: Config, directory: Path):
        """
        Args:
            classifier: the classifier, as it was built.
            prepared: the images and their table.
            batches: the three parts of the split.
            config: the whole experiment.
            directory: of the run; health.json is written into it.
        """
        self.file = directory / run_files.HEALTH
        self._training = ExaminedTraining(classifier, prepared, batches, config, directory)
        self._options = config.health
        self._observations = self._training.observe_options()
        self._monitor = EpochMonitor(self._training, self._observations.constant_loss)
        self._seconds = {"preflight": 0.0, "verdict": 0.0}

    @property
    def observations(self) -> Observations:
        """All that was observed so far."""
        return replace(self._observations, phase_ends=dict(self._monitor.phase_ends))

    def preflight(self, activations: np.ndarray | None = None) -> None:
        """Examines images, labels and the untrained network, and logs what is wrong.

        Args:
            activations: (n, ...) activations of the validation images at the cut of the first phase, if they are known.

        Raises:
            UserError: if something is wrong and `health.policy=stop`.
        """
        if not (self._enabled and self._options.preflight):
            return
        with self._timed("preflight"):
            self._observations = Preflight(self._training, activations).observe(self._observations)
        verdict = Verdict.of_preflight(self.observations)
        if verdict is None:
            return
        if self._options.policy == "stop":
            self._write(verdict)
            raise UserError(f"health.preflight: {verdict.sentence}. To train all the same: health.policy=warn")
        log.warning("Health    %s", verdict.sentence)

    def watch(self, phase: Phase, task: PhaseTask) -> list[keras.callbacks.Callback]:
        """Returns the callbacks that measure a phase while it trains."""
        return self._monitor.callbacks(phase, task) if self._enabled else []

    def conclude(self, history: pd.DataFrame, best_epoch: int, predictions: Predictions) -> Verdict | None:
        """Writes health.json and returns the verdict on a training that ran to its end; None if `health.policy=off`.

        Args:
            history: one row for each epoch.
            best_epoch: the epoch whose weights were kept, counted from 1.
            predictions: of the kept weights.

        Raises:
            Exception: the error that ended measurements between epochs: a verdict without them could miss a fault.
        """
        if not self._enabled:
            return None
        if self._monitor.error is not None:
            raise self._monitor.error
        with self._timed("verdict"):
            self._observations = observe_kept_weights(
                self._training, self.observations, history, best_epoch, predictions
            )
        return self._conclude()

    def broken(self, history: list[dict[str, Any]], error: BaseException) -> Verdict | None:
        """Writes health.json and returns the verdict on a training that an error ended; None if `health.policy=off`.

        Args:
            history: one record for each epoch.
            error: the error.
        """
        if not self._enabled:
            return None
        self._observations = replace(self._observations, epochs=history, error=str(error))
        return self._conclude()

    def numbers(self) -> dict[str, float]:
        """Returns the readings that are tracked: of the kept weights if they were measured, else earlier ones."""
        latest = self.observations.latest
        return measured(
            feature_cosine=latest.feature_cosine,
            feature_rank=latest.feature_rank,
            probe_auc=latest.probe_auc,
            logit_std=latest.logit_std,
            predicted_positive=latest.predicted_positive,
            dead_units=latest.dead_units,
        )

    @property
    def _enabled(self) -> bool:
        return self._options.policy != "off"

    def _conclude(self) -> Verdict:
        verdict = Verdict.conclude(self.observations)
        self._write(verdict)
        return verdict

    def _write(self, verdict: Verdict) -> None:
        observations = self.observations
        seconds = {"preflight": self._seconds["preflight"], "epochs": self._monitor.seconds}
        seconds["verdict"] = self._seconds["verdict"]
        content = {
            **verdict.to_dict(),
            "policy": self._options.policy,
            "seconds": {name: round(value, 3) for name, value in seconds.items()},
            "before": observations.before.to_dict(),
            "trials": [asdict(result) for result in observations.overfit_results],
            "phases": {name: readings.to_dict() for name, readings in observations.phase_ends.items()},
            "after": observations.after.to_dict(),
        }
        replace_text(self.file, json.dumps(to_strict_json(content), indent=2) + "\n")

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self._seconds[stage] = time.perf_counter() - start
