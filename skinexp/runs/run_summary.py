"""The content of result.json as types: what a run writes about itself, and what all readers read.

Only the standard library is imported here, because the command line and the launcher read summaries too.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from skinexp.config.schema import Compute
from skinexp.core import run_files
from skinexp.core.errors import UserError
from skinexp.core.strict_json import read_json
from skinexp.runs.health_summary import VERDICTS, HealthSummary
from skinexp.runs.json_fields import OPTIONAL, from_json, to_json, unusable_fields
from skinexp.runs.provenance import GitState
from skinexp.runs.recorded_config import unusable_keys, usable_config


@dataclass(frozen=True)
class DataSummary:
    """The images of a run.

    Attributes:
        name: of the data set.
        images: how many there are; None if that is unknown.
        groups: how many groups they form.
        counts: split -> class -> images.
        excluded: class -> images that were left out on purpose.
        bad_images: images that were left out because they cannot be read.
        grouped_by: column whose equal values stay in one split; None if images were split one by one.
        truth: what is known of generated images, for example `bayes_auc`.
        facts: topic -> sentence: what the run said of its images' files, labels, groups and leaks.
        sampling: `case_control` or `cohort`: how resamples were drawn; None in earlier versions, which fixed the number
            of malignant images.
    """

    name: str | None = None
    images: int | None = None
    groups: int | None = None
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    excluded: dict[str, int] = field(default_factory=dict)
    bad_images: int = 0
    grouped_by: str | None = None
    truth: dict[str, Any] = field(default_factory=dict, metadata=OPTIONAL)
    facts: dict[str, str] = field(default_factory=dict, metadata=OPTIONAL)
    sampling: str | None = field(default=None, metadata=OPTIONAL)


@dataclass(frozen=True)
class ModelSummary:
    """The network: its name and the number of its parameters."""

    name: str | None = None
    parameters: int | None = None


@dataclass(frozen=True)
class ComputeSummary:
    """What a run computed on.

    Attributes:
        backend: tensorflow, jax or torch.
        device: in words.
        precision: Keras' dtype policy.
        jit_compile: whether whole steps were compiled.
        threads: on the CPU; None if the backend shares them out by itself.
        layout: Keras' image data format.
        reasons: option -> why it was chosen, for each option that the command left open.
        version: of the backend.
    """

    backend: str | None = None
    device: str | None = None
    precision: str | None = None
    jit_compile: bool | None = None
    threads: int | None = None
    layout: str | None = None
    reasons: dict[str, str] = field(default_factory=dict)
    version: str | None = None


@dataclass(frozen=True)
class AuditSummary:
    """The audit of the data: its mode, the worst severity found, and how often each finding occurs."""

    mode: str | None = None
    verdict: str | None = None
    findings: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ThresholdSummary:
    """Thresholds of the probability.

    Attributes:
        half: 0.5.
        youden: Youden's, of the probability as trained; NaN if it was not computed.
        chosen: the operating threshold, of the calibrated probability; NaN if there is none.
    """

    half: float = math.nan
    youden: float = field(default=math.nan, metadata=OPTIONAL)
    chosen: float = math.nan


@dataclass(frozen=True)
class EvaluatedRun:
    """The run whose network an evaluation tested: its MLflow id, its name, and how the command named it."""

    run_id: str | None = None
    name: str | None = None
    run: str | None = None


@dataclass(frozen=True)
class ShiftSummary:
    """The distance of an evaluation's images from the training images, see skinexp.evaluation.domain_shift.Shift."""

    far: float = math.nan
    median_distance: float = math.nan
    median_distance_validation: float = math.nan
    is_shift: bool = False
    looks: dict[str, Any] = field(default_factory=dict)
    seen: int = 0
    images: int = 0


@dataclass(frozen=True)
class RunSummary:
    """What a run reports about itself; what it does not report is None, NaN or empty.

    Attributes:
        status: running, finished, failed or killed.
        error: what ended the run, if it did not finish.
        name: the overrides in which the run differs from its siblings.
        overrides: of the command.
        seconds: stage -> seconds; `total` at the end.
        run_id: of the MLflow run.
        experiment_id: of its MLflow experiment.
        parent_run_id: of the sweep's MLflow run.
        command: as it was typed.
        git: the state of the code.
        config: all options, nested, with the values that were used.
        config_digest: of the options as they were composed.
        stage: the last stage that began.
        best_epoch: whose weights were kept, counted from 1.
        epochs: that were trained.
        phases: of the training, in order.
        metrics: name -> score.
        intervals: score of the test images -> `low` and `high` of its 95 % interval and its `method`, as in
            evidence/scores.csv; null if there is none, and the method then says why.
        calibration: method and parameters, as evaluation.decision.calibration.Calibrator reads them.
        evaluates: the run whose network was tested; None for a training.
        sentences: what an evaluation reports about its images.
        failures: stage -> error, for each stage behind the training that failed; a run that has finished may lack its
            results, and nothing else.
    """

    status: str = "unknown"
    error: str | None = None
    name: str | None = field(default=None, metadata=OPTIONAL)
    overrides: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    run_id: str | None = None
    experiment_id: str | None = None
    parent_run_id: str | None = None
    command: str | None = field(default=None, metadata=OPTIONAL)
    git: GitState | None = field(default=None, metadata=OPTIONAL)
    config: dict[str, Any] = field(default_factory=dict, metadata=OPTIONAL)
    config_digest: str | None = field(default=None, metadata=OPTIONAL)
    data_digest: str | None = field(default=None, metadata=OPTIONAL)
    test_digest: str | None = field(default=None, metadata=OPTIONAL)
    stage: str | None = field(default=None, metadata=OPTIONAL)
    compute: ComputeSummary | None = field(default=None, metadata=OPTIONAL)
    audit: AuditSummary | None = field(default=None, metadata=OPTIONAL)
    data: DataSummary | None = field(default=None, metadata=OPTIONAL)
    model: ModelSummary | None = field(default=None, metadata=OPTIONAL)
    best_epoch: int | None = field(default=None, metadata=OPTIONAL)
    epochs: int | None = field(default=None, metadata=OPTIONAL)
    phases: tuple[str, ...] = field(default=(), metadata=OPTIONAL)
    metrics: dict[str, float] = field(default_factory=dict, metadata=OPTIONAL)
    intervals: dict[str, Any] = field(default_factory=dict, metadata=OPTIONAL)
    thresholds: ThresholdSummary = field(default_factory=ThresholdSummary, metadata=OPTIONAL)
    calibration: dict[str, Any] = field(default_factory=dict, metadata=OPTIONAL)
    health: HealthSummary | None = field(default=None, metadata=OPTIONAL)
    evaluates: EvaluatedRun | None = field(default=None, metadata=OPTIONAL)
    shift: ShiftSummary | None = field(default=None, metadata=OPTIONAL)
    sentences: tuple[str, ...] = field(default=(), metadata=OPTIONAL)
    failures: dict[str, str] = field(default_factory=dict, metadata=OPTIONAL)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "RunSummary":
        """Reads the content of result.json, of an earlier version too; keys that are not known are ignored."""
        found = from_json(cls, values)
        found = replace(found, config=usable_config(found.config, found.finished))
        known = found.health is None or found.health.verdict in VERDICTS
        return found if known else replace(found, health=None)

    @staticmethod
    def unusable_fields(values: Mapping[str, Any]) -> tuple[str, ...]:
        """Returns what of the content of result.json has another type, and is left out; nested names with dots."""
        config = values.get("config")
        keys = unusable_keys(config, values.get("status") == "finished") if isinstance(config, Mapping) else ()
        return (*unusable_fields(RunSummary, values), *(f"config.{key}" for key in keys))

    def to_dict(self) -> dict[str, Any]:
        """Returns the content of result.json, without what the run does not report."""
        values = to_json(self)
        if self.evaluates is not None:
            values.setdefault("shift", None)  # an evaluation without one could not measure it
        return values

    @property
    def finished(self) -> bool:
        """Whether the run has come to its end."""
        return self.status == "finished"

    @property
    def incomplete(self) -> str:
        """Which stages behind the training failed, and why, in one sentence; empty if none did."""
        stages: dict[str, list[str]] = {}
        for stage, error in self.failures.items():
            stages.setdefault(error, []).append(stage)
        return "; ".join(f"failed: {', '.join(names)} ({error})" for error, names in stages.items())

    def metric(self, name: str) -> float:
        """Returns a score; NaN if the run has none, or it is undefined."""
        return self.metrics.get(name, math.nan)

    def setting(self, key: str) -> Any:
        """Returns the value of an option by its full key, for example `data.split.folds`; None if it is unknown."""
        entry: Any = self.config
        for name in key.split("."):
            if not isinstance(entry, Mapping):
                return None
            entry = entry.get(name)
        return entry

    @property
    def objective(self) -> float:
        """The validation score that a sweep maximises; NaN if there is none."""
        return self.metric(str(self.setting("objective")))

    @property
    def seed(self) -> int | None:
        """The run's seed."""
        seed = self.setting("seed")
        return seed if isinstance(seed, int) else None

    @property
    def split_seed(self) -> int | None:
        """The seed of the split that the network was trained on: `data.split.seed`, or else the run's seed."""
        own = self.setting("trained_on.split.seed" if self.evaluates else "data.split.seed")
        return own if isinstance(own, int) else self.seed

    @property
    def folds(self) -> int | None:
        """How many folds the cross-validation has that the run belongs to; None if it belongs to none."""
        folds = self.setting("data.split.folds")
        return folds if isinstance(folds, int) and folds > 1 else None

    @property
    def fold(self) -> int | None:
        """The fold of a cross-validation that the run tested; None if it belongs to none."""
        number = self.setting("data.split.fold")
        return number if self.folds and isinstance(number, int) else None

    @property
    def total_seconds(self) -> float:
        """How long the run took; NaN if it has not ended."""
        return self.seconds.get("total", math.nan)

    @property
    def requested_config(self) -> dict[str, Any]:
        """The configuration as the command composed it: compute options that it left open are open here.

        Equal commands have equal requested configurations, on every machine.
        """
        chosen = self.compute.reasons if self.compute else {}
        options = self.setting("compute")
        if not isinstance(options, Mapping) or not options:
            return self.config
        left_open = {name: getattr(Compute(), name) for name in chosen if name in options and hasattr(Compute, name)}
        return {**self.config, "compute": {**options, **left_open}}


def read_summary(directory: Path) -> RunSummary | None:
    """Reads the summary in a run's directory; None if there is no result.json.

    Raises:
        UserError: if result.json is damaged.
    """
    file = directory / run_files.RESULT
    try:
        return RunSummary.from_dict(read_json(file))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UserError(f"{file} is damaged: {error}") from error
