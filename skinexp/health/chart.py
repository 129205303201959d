"""What is known of a training: readings before, during and after it, and the facts that explain them."""

import math
from dataclasses import dataclass, field
from typing import Any

from skinexp.health.trial import Trial
from skinexp.training.phases import Phase

Evidence = dict[str, float]  # a probe's name -> what it read; NaN where it could not be read


@dataclass
class Chart:
    """One training.

    Attributes:
        network: the model's name.
        scaling: the input scaling that was chosen, and what the network expects.
        pretrained: whether the backbone holds weights that were learned before.
        phases: as they were planned.
        weight_decay: of the optimizer.
        dropout: the largest rate of a Dropout layer.
        monitor: the number of history.csv that chooses the best epoch.
        steps_an_epoch: of training batches.
        entropy: of the labels, in nats: the loss of the best constant answer.
        chance_error: standard deviation, on the validation images, of the ROC-AUC of answers that know nothing.
        before: readings before the first step.
        trials: at which learning rates sixteen images could be learned; the configured one comes first.
        ends: readings at the end of each phase, of the weights as they were then, by phase.
        epochs: one record an epoch, as history.csv has them.
        after: readings of the weights that were kept.
        error: what ended the training, if something did.
    """

    network: str
    scaling: tuple[str, str]
    pretrained: bool
    phases: list[Phase]
    weight_decay: float
    dropout: float
    monitor: str
    steps_an_epoch: int
    entropy: float
    chance_error: float
    before: Evidence = field(default_factory=dict)
    trials: list[Trial] = field(default_factory=list)
    ends: dict[str, Evidence] = field(default_factory=dict)
    epochs: list[dict[str, Any]] = field(default_factory=list)
    after: Evidence = field(default_factory=dict)
    error: str | None = None

    @property
    def backbone_frozen(self) -> bool:
        """Whether the first phase trains a head alone."""
        return self.phases[0].name == "head"

    @property
    def steps(self) -> int:
        """Updates so far."""
        return self.steps_an_epoch * len(self.epochs)

    def last(self, name: str) -> float:
        """A reading: the latest that there is."""
        for evidence in (self.after, *reversed(self.ends.values()), self.before):
            if math.isfinite(value := evidence.get(name, math.nan)):
                return value
        return math.nan

    def worst(self, name: str) -> float:
        """A reading: the largest of all times."""
        values = [evidence.get(name, math.nan) for evidence in (self.before, *self.ends.values(), self.after)]
        return max((value for value in values if math.isfinite(value)), default=math.nan)

    def last_epoch(self, name: str) -> float:
        """A number of history.csv in the last epoch; NaN where there is none."""
        values = self.course(name)
        return values[-1] if values else math.nan

    def course(self, name: str, phase: str | None = None) -> list[float]:
        """A number of history.csv, epoch by epoch."""
        return [float(record[name]) for record in self.epochs if name in record and phase in (None, record["phase"])]
