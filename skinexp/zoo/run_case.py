"""Runs one case of the fault benchmark in this process: trains it, then reads the doctor's verdict."""

import json
import tempfile
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import keras
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from skinexp import compute, experiment, health, tracking
from skinexp.config import Config
from skinexp.config_check import check
from skinexp.help_text import CONF
from skinexp.job import Job
from skinexp.result import Result
from skinexp.training import NonFiniteLoss
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
    config = _config(overrides)
    keras.backend.clear_session()  # releases the networks of earlier cases
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        job = Job(case.name, tuple(overrides), directory)
        with Result(directory) as result, suppress(NonFiniteLoss):  # health.json names the reason
            experiment.run(config, job, result, tracking.Untracked(), case.steps)
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


def _config(overrides: list[str]) -> Config:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = cast(Config, OmegaConf.to_object(compose("config", overrides)))
    check(config)
    return replace(config, compute=compute.configure(config).settle(config.compute))
