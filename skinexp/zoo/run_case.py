"""Runs one case of the fault benchmark in this process: trains it, then reads the doctor's verdict."""

import json
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from skinexp import compute
from skinexp.config import compose
from skinexp.core import run_files
from skinexp.runs.job import Job
from skinexp.runs.run_log import RunLog
from skinexp.training import NonFiniteLoss
from skinexp.workflows import training
from skinexp.zoo.fault_cases import Case

UNUSED = ("explain=none", "tracking.tensorboard=false")  # outputs that the doctor does not read


@dataclass(frozen=True)
class Outcome:
    """The doctor's verdict on a case.

    Attributes:
        case: the case that was trained.
        verdict: ok, warning or collapsed.
        names: the names of the diagnoses, the first cause first.
        sentence: the verdict as a paragraph.
        auc: ROC-AUC on the validation images; NaN if the training did not end.
        seconds: of each stage of the run.
        health: the content of health.json.
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
        """Whether the planted fault was named first, or nothing was named in a healthy training."""
        return (self.names[0] if self.names else None) == self.case.expected


def run_case(case: Case, places: dict[str, str], cache: Path) -> Outcome:
    """Trains a case and returns the doctor's verdict.

    Args:
        case: the case.
        places: the directories that stand in braces in the overrides: photographs, weights, random.
        cache: a directory for prepared images and features, shared by all cases.
    """
    overrides = [override.format(**places) for override in (*case.overrides, *UNUSED, f"data.cache={cache}")]
    config = compose(overrides)
    config = compute.configure(config).resolve(config)
    keras.backend.clear_session()  # releases the networks of earlier cases
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        job = Job(case.name, tuple(overrides), directory)
        with RunLog(directory) as run_log, suppress(NonFiniteLoss):  # health.json names the reason
            training.run(config, job, run_log, case.steps)
        found: dict[str, Any] = json.loads((directory / run_files.HEALTH).read_text())
        seconds = run_log.summary.seconds
    return Outcome(
        case,
        found["verdict"],
        tuple(diagnosis["name"] for diagnosis in found["diagnoses"]),
        found["sentence"],
        found["after"].get("val_auc", float("nan")),
        seconds,
        found,
    )
