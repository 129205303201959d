"""All observations of one training: readings before, during and after it, and the options that explain them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from skinexp.health.overfit_test import OverfitResult
from skinexp.health.readings import Readings, is_measured
from skinexp.training.phases import Phase


@dataclass(frozen=True)
class Observations:
    """The observations that the rules judge.

    Attributes:
        model: the model's name.
        input_scaling: the input scaling that was chosen.
        expected_scaling: the input scaling that the model's contract asks for.
        pretrained: whether the backbone holds pretrained weights.
        phases: the planned phases.
        weight_decay: of the optimizer.
        dropout: the largest rate of a Dropout layer.
        monitor: the column of history.csv that chooses the best epoch.
        steps_per_epoch: number of training batches.
        constant_loss: loss of the best constant prediction; for the cross-entropy the entropy of the labels, in nats.
        chance_error: standard error of the ROC-AUC of random scores on the validation images.
        before: readings before the first step.
        frozen_layers_probed: whether `dead_units` before the first step covers the layers below a cut as well.
        overfit_results: the overfit-one-batch test at several learning rates, the configured one first.
        phase_ends: readings at the end of each phase, by its name.
        epochs: one record for each epoch, as in history.csv.
        after: readings of the kept weights.
        error: the message of the error that ended the training, or None.
    """

    model: str
    input_scaling: str
    expected_scaling: str
    pretrained: bool
    phases: list[Phase]
    weight_decay: float
    dropout: float
    monitor: str
    steps_per_epoch: int
    constant_loss: float
    chance_error: float
    before: Readings = field(default_factory=Readings)
    frozen_layers_probed: bool = False
    overfit_results: list[OverfitResult] = field(default_factory=list)
    phase_ends: dict[str, Readings] = field(default_factory=dict)
    epochs: list[dict[str, Any]] = field(default_factory=list)
    after: Readings = field(default_factory=Readings)
    error: str | None = None

    @property
    def backbone_frozen(self) -> bool:
        """Whether the first phase trains only the head."""
        return self.phases[0].name == "head"

    @property
    def steps(self) -> int:
        """Number of updates so far."""
        return self.steps_per_epoch * len(self.epochs)

    @property
    def latest(self) -> Readings:
        """Each reading with the last finite value that was measured."""
        return _combine([self.before, *self.phase_ends.values(), self.after], lambda values: values[-1])

    @property
    def largest(self) -> Readings:
        """Each reading with the largest finite value that was measured."""
        return _combine([self.before, *self.phase_ends.values(), self.after], max)

    def training_losses(self, phase: str | None = None) -> list[float]:
        """Returns the training loss of each epoch, of one phase or of all."""
        return self._column("train/loss", phase)

    def validation_losses(self) -> list[float]:
        """Returns the validation loss of each epoch."""
        return self._column("val/loss")

    def monitored(self) -> list[float]:
        """Returns the monitored value of each epoch."""
        return self._column(self.monitor)

    def _column(self, name: str, phase: str | None = None) -> list[float]:
        return [float(record[name]) for record in self.epochs if name in record and phase in (None, record["phase"])]


def _combine(moments: Sequence[Readings], choose: Callable[[list[float]], float]) -> Readings:
    """Returns readings whose numbers are chosen from the finite values at all moments; NaN if there is none."""
    chosen: dict[str, Any] = {}
    for name in (item.name for item in fields(Readings)):
        values = [value for moment in moments if is_measured(value := getattr(moment, name))]
        if values and isinstance(values[0], dict):
            chosen[name] = values[-1]  # by kernel or scaling: as a whole
        elif finite := [value for value in values if math.isfinite(value)]:
            chosen[name] = choose(finite)
    return Readings(**chosen)
