"""The files of a run's directory, read: summary, predictions, history, tables and maps. No score is computed here."""

import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from skinexp.core import run_files
from skinexp.core.result_file import damage_of, read_result
from skinexp.core.strict_json import read_json
from skinexp.data.card_content import CardContent
from skinexp.evaluation import Interval, auc_interval
from skinexp.evaluation.scores_with_intervals import NEWCOMBE
from skinexp.evaluation.tables import groups_of
from skinexp.runs.health_summary import HealthSummary
from skinexp.runs.json_fields import from_json, unusable_fields
from skinexp.runs.run_summary import RunSummary

Content = TypeVar("Content")
Run = TypeVar("Run", bound="Derived")

# A collapsed network's logits differ by less than 0.001, a working one's by 1 or more.
COLLAPSED_BELOW = 0.05

# The tables in `evidence/` by file, with the columns that are used of each.
EVIDENCE = {
    "scores": ("score", "estimate", "low", "high", "method"),
    "reliability": ("stage", "images", "probability", "malignant", "low", "high"),
    "calibration_curve": ("stage", "probability", "images", "observed", "low", "high"),
    "roc_band": ("false_positive_rate", "low", "high"),
    "precision_recall_band": ("recall", "low", "high"),
    "subgroups": ("column", "level", "images", "malignant", "roc_auc", "roc_auc_low", "roc_auc_high", "note"),
    "subgroup_gaps": ("column", "best", "worst", "gap", "low", "high"),
    "diagnoses": (
        *("diagnosis", "class", "score", "images", "estimate", "low", "high", "adjusted_low", "adjusted_high"),
    ),
    "units": ("unit", "rule", "score", "units", "malignant", "images", "estimate", "low", "high"),
}
TEXT = frozenset(  # columns without numbers
    {"score", "method", "stage", "column", "level", "best", "worst", "note", "diagnosis", "class", "unit", "rule"}
)
PARTS = ("train", "val", "test")


class Derived:
    """What follows from a run's summary, predictions and tables."""

    summary: RunSummary
    predictions: pd.DataFrame | None
    evidence: Mapping[str, pd.DataFrame]

    @property
    def finished(self) -> bool:
        """Whether the run has scores to compare."""
        return self.summary.finished

    def metric(self, key: str) -> float:
        """Returns one score; NaN if the run has none or could not compute it."""
        return self.summary.metric(key)

    @property
    def metrics(self) -> dict[str, float]:
        """All scores by name."""
        return self.summary.metrics

    @property
    def roc_auc(self) -> float:
        """The area under the ROC curve of the test images."""
        return self.metric("test/roc_auc")

    @cached_property
    def intervals(self) -> dict[str, Interval]:
        """The interval of each score by its name without the split; of an older run, of the area alone."""
        if (table := self.evidence.get("scores")) is not None:
            rows = zip(table["score"], table["estimate"], table["low"], table["high"], strict=True)
            return {str(score): Interval(*map(float, values)) for score, *values in rows}
        if (test := self.test) is None or not {"label", "logit"} <= set(test):
            return {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # if it is undefined the page has no interval, which says as much
            return {"roc_auc": auc_interval(test["label"], test["logit"], groups_of(test))}

    def interval(self, score: str) -> Interval:
        """Returns the 95 % interval of a score of the test images; its limits are NaN if they are unknown."""
        low, high = self.intervals.get(score, (math.nan,) * 3)[1:]
        return Interval(self.metric(f"test/{score}"), low, high)

    def interval_method(self, score: str) -> str:
        """Returns by which method a score has its interval; runs of earlier versions may have another one."""
        table = self.evidence.get("scores")
        if table is None:
            return NEWCOMBE if score in self.intervals else ""
        found = table.loc[table["score"] == score, "method"]
        return str(found.iloc[0]) if len(found) else ""

    @property
    def test(self) -> pd.DataFrame | None:
        """The predictions of the test images."""
        return None if self.predictions is None else self.predictions[self.predictions["split"] == "test"]

    @property
    def test_images(self) -> tuple[int, int]:
        """How many test images are benign and malignant; zeros if that is unknown."""
        if self.predictions is not None:
            labels = self.predictions.loc[self.predictions["split"] == "test", "label"]
            return int((labels == 0).sum()), int((labels == 1).sum())
        counts = self.summary.data.counts.get("test", {}) if self.summary.data else {}
        return int(counts.get("benign", 0)), int(counts.get("malignant", 0))

    @property
    def fold(self) -> int | None:
        """The fold of a cross-validation that the run tested; None if it belongs to none."""
        return self.summary.fold

    @property
    def evaluates(self) -> bool:
        """Whether the run tested a finished network on other images, so that nothing was trained."""
        return self.summary.evaluates is not None

    @property
    def health(self) -> HealthSummary | None:
        """What the doctor found; None if it did not examine the run."""
        return self.summary.health

    @property
    def has_one_answer(self) -> bool:
        """Whether the run predicts the same class and all but the same logit for every test image."""
        one_class = self.metric("test/predicted_positive") in (0.0, 1.0)
        return one_class and self.metric("test/logit_std") < COLLAPSED_BELOW

    @property
    def collapsed(self) -> bool:
        """Whether the doctor found a collapse; if it did not examine the run, whether all predictions are the same."""
        return self.has_one_answer if self.health is None else self.health.verdict == "collapsed"


@dataclass(frozen=True, eq=False)
class RunOutputs(Derived):
    """What one run left in its directory.

    Attributes:
        name: as a comparison calls it: its own name, numbered if another run has the same.
        directory: the run's.
        summary: what the run reports about itself.
        predictions: of the validation and test images; None if it left none, as all that follow.
        history: one row per epoch.
        gradcam: arrays of the explained images and their maps.
        evidence: the tables of the folder of that name that are there, by the keys of `EVIDENCE`.
        unreadable: files, and parts of result.json, that are there and cannot be used.
        pooled_folds: how many folds of a cross-validation were pooled to make this; None if it is one run.
        card: the numbers and fields of its data card.
    """

    name: str
    directory: Path
    summary: RunSummary
    predictions: pd.DataFrame | None = None
    history: pd.DataFrame | None = None
    gradcam: Mapping[str, np.ndarray] | None = None
    evidence: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()
    pooled_folds: int | None = None
    card: CardContent | None = None

    @property
    def status(self) -> str:
        """How the run ended: finished, failed or killed; running if it goes on."""
        return self.summary.status

    @property
    def error(self) -> str | None:
        """What ended the run, if it did not finish."""
        return self.summary.error


@dataclass(frozen=True, eq=False)
class RunRecord(Derived):
    """`RunOutputs` with the raw content of result.json; kept until its last reader has moved to `RunOutputs`."""

    name: str
    status: str
    directory: Path
    result: Mapping[str, Any]
    error: str | None = None
    predictions: pd.DataFrame | None = None
    history: pd.DataFrame | None = None
    gradcam: Mapping[str, np.ndarray] | None = None
    evidence: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()

    @property
    def summary(self) -> RunSummary:  # type: ignore[override]
        return replace(RunSummary.from_dict(self.result), status=self.status, error=self.error)

    @property
    def pooled_folds(self) -> int | None:
        return self.find("folds")

    def find(self, *keys: str) -> Any:
        """Returns the entry of the result under these keys, one inside the other; None if there is none."""
        entry: Any = self.result
        for key in keys:
            if not isinstance(entry, Mapping):
                return None
            entry = entry.get(key)
        return entry

    def number(self, *keys: str) -> float:
        """Returns the number of the result under these keys; NaN if there is none."""
        entry = self.find(*keys)
        return float(entry) if isinstance(entry, (int, float)) else math.nan


def by_area(runs: Sequence[Run]) -> list[Run]:
    """Returns the runs, the highest test ROC-AUC first, ties in the given order, those without one last."""
    return sorted(runs, key=lambda run: math.inf if math.isnan(run.roc_auc) else -run.roc_auc)


def read_outputs(directory: Path, name: str | None = None) -> RunOutputs:
    """Reads what a run left in its directory, however little that is.

    Args:
        directory: a run's output directory.
        name: what the run is called in a comparison; by default its own name, or the directory's.

    Returns:
        What is there. A run without a readable `result.json` counts as failed, with an error that says so.
    """
    directory = Path(directory)
    summary = _summary(directory)
    name = name or summary.name or directory.name
    if not summary.finished:
        return RunOutputs(name, directory, summary)
    unreadable = [f"{run_files.RESULT} ({key})" for key in RunSummary.unusable_fields(read_result(directory))]
    _read(directory / run_files.AUDIT, read_audit, unreadable)
    return RunOutputs(
        name,
        directory,
        summary,
        predictions=_read(directory / run_files.PREDICTIONS, _read_predictions, unreadable),
        history=_read(directory / run_files.HISTORY, partial(_read_history, epochs=summary.epochs), unreadable),
        gradcam=_read(directory / run_files.MAPS, _read_arrays, unreadable),
        evidence=_read_evidence(directory / run_files.EVIDENCE, unreadable),
        card=_read(directory / run_files.DATA_CARD_VALUES, read_card, unreadable),
        unreadable=tuple(unreadable),
    )


def load(directory: Path, name: str | None = None) -> RunRecord:
    """Reads a run as `read_outputs` does, with the raw content of result.json."""
    found = read_outputs(directory, name)
    contents = (found.predictions, found.history, found.gradcam, found.evidence, found.unreadable)
    result = read_result(found.directory)
    return RunRecord(found.name, found.status, found.directory, result, found.error, *contents)


def _summary(directory: Path) -> RunSummary:
    missing = None
    if not (directory / run_files.RESULT).exists():
        missing = "The run left no result.json: it ended before it could write one."
    elif reason := damage_of(directory):
        missing = f"result.json cannot be read: {reason}."
    return RunSummary(status="failed", error=missing) if missing else RunSummary.from_dict(read_result(directory))


def _read(path: Path, read: Callable[[Path], Content], unreadable: list[str]) -> Content | None:
    """Returns a file's content; None if it is absent, or broken, which is noted: it must not cost the page."""
    if not path.exists():
        return None
    try:
        return read(path)
    except Exception:  # a damaged file fails in one of many ways
        unreadable.append(path.name)
        return None


def _read_evidence(directory: Path, unreadable: list[str]) -> dict[str, pd.DataFrame]:
    tables = {}
    for name, columns in EVIDENCE.items():
        broken: list[str] = []
        if (found := _read(directory / f"{name}.csv", partial(_read_table, columns=columns), broken)) is not None:
            tables[name] = found
        unreadable += [f"{directory.name}/{file}" for file in broken]
    return tables


def _read_table(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """Returns a table that may have no rows: images without metadata have no subgroups."""
    _require_end(path)
    table = pd.read_csv(path, keep_default_na=False, na_values=[""])
    if missing := set(columns) - set(table.columns):
        raise ValueError(f"lacks {', '.join(sorted(missing))}")
    _require_numbers(table, set(columns) - TEXT)
    return table


def _read_predictions(path: Path) -> pd.DataFrame:
    predictions = pd.read_parquet(path, page_checksum_verification=True)
    _require(predictions, "image_id", "split", "label", "logit", "probability")
    _require_numbers(predictions, ("label", "logit", "probability"))
    if not predictions["label"].isin((0, 1)).all() or not predictions["split"].isin(PARTS).all():
        raise ValueError("a label or a split that does not exist")
    return predictions


def _read_history(path: Path, epochs: int | None) -> pd.DataFrame:
    _require_end(path)
    history = pd.read_csv(path)
    _require(history, "epoch", "phase", "best")
    _require_numbers(history, set(map(str, history)) - {"phase", "best"})
    if epochs not in (None, len(history)) or history["best"].dtype != bool:
        raise ValueError(f"not {epochs} epochs, one of which is the best")
    return history


def _require_end(path: Path) -> None:
    """Refuses a table whose last line was cut off: its last number may lack digits."""
    if not path.read_bytes().endswith(b"\n"):
        raise ValueError("the end is missing")


def _require(frame: pd.DataFrame, *columns: str) -> None:
    if frame.empty or not set(columns) <= set(frame.columns):
        raise ValueError(f"no rows, or not all of the columns {', '.join(columns)}")


def _require_numbers(frame: pd.DataFrame, columns: Iterable[str]) -> None:
    for column in columns:
        if len(frame) and not pd.api.types.is_numeric_dtype(frame[column]):
            raise ValueError(f"column {column} holds other things than numbers")


def read_audit(path: Path) -> dict[str, Any]:
    """Returns the content of audit.json.

    Raises:
        OSError: if the file cannot be read.
        ValueError, KeyError, TypeError: if it does not hold the number of images, and findings with their severity and
            sentence.
    """
    audit = read_json(path)
    words = [finding[key] for finding in audit["findings"] for key in ("severity", "sentence")]
    if not all(isinstance(word, str) for word in words) or not isinstance(audit.get("images", 0), int):
        raise ValueError("an entry of another type")
    return audit


def read_card(path: Path) -> CardContent:
    """Returns the content of data_card.json.

    Raises:
        OSError: if it cannot be read.
        ValueError: if an entry is of another type.
    """
    values = read_json(path)
    card = from_json(CardContent, values)
    cells = [cell for row in card.table_1 for of_part in row.values.values() for cell in of_part.values()]
    if unusable_fields(CardContent, values) or not all(
        isinstance(cell, (int, float, list, type(None))) for cell in cells
    ):
        raise ValueError("an entry of another type")
    return card


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    # Opened here, because NumPy leaves a file open that turns out not to be an archive.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        found = {key: arrays[key] for key in ("image_id", "label", "probability", "image", "heat")}
    count, *picture = found["image"].shape
    if {len(array) for array in found.values()} != {count} or list(found["heat"].shape[1:]) != picture[:2]:
        raise ValueError("arrays that do not fit each other")
    return found
