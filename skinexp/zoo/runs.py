"""Trains one animal of the zoo, in this process, and asks the doctor."""

import json
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from skinexp import compute, health, tracking
from skinexp.config import compose
from skinexp.runs.job import Job
from skinexp.runs.result import Result
from skinexp.training import NonFiniteLoss
from skinexp.workflows import training
from skinexp.zoo.cases import Case

QUIET = ("explain=none", "tracking.tensorboard=false")  # what the doctor does not need


@dataclass(frozen=True)
class Outcome:
    """What the doctor said of a case.

    Attributes:
        case: what was trained.
        verdict: ok, warning or collapsed.
        names: the diagnoses in order, the first cause first.
        sentence: the paragraph.
        auc: of the validation images; NaN where the training did not come to that.
        seconds: of each stage.
        health: what health.json holds.
    """

    case: Case
    verdict: str
    names: tuple[str, ...]
    sentence: str
    auc: float
    seconds: dict[str, float]
    health: dict[str, Any]

    @property
    def right(self) -> bool:
        """Whether the fault was named first, or a healthy training left alone."""
        return (self.names[0] if self.names else None) == self.case.expected


def attend(case: Case, places: dict[str, str], cache: Path) -> Outcome:
    """Trains a case and reads what the doctor wrote.

    Args:
        places: what stands in the overrides in braces: photographs, weights, random.
        cache: directory of prepared images and features, which cases share.
    """
    overrides = [override.format(**places) for override in (*case.overrides, *QUIET, f"data.cache={cache}")]
    config = compose(overrides)
    config = compute.configure(config).resolve(config)
    keras.backend.clear_session()  # lets go of the networks of the cases before
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        with case.hook(), Result(directory) as result, suppress(NonFiniteLoss):  # health.json says why
            training.run(config, Job(case.name, tuple(overrides), directory), result, tracking.Untracked())
        found: dict[str, Any] = json.loads((directory / health.FILE).read_text())
        seconds = result.values["seconds"]
    return Outcome(
        case,
        found["verdict"],
        tuple(diagnosis["name"] for diagnosis in found["diagnoses"]),
        found["sentence"],
        found["after"].get("val_auc", float("nan")),
        seconds,
        found,
    )
