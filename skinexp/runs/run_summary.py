"""What a run left behind, read from its directory: nothing is scored again here."""

import dataclasses
import json
import math
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from skinexp.evaluation import Interval, delong_interval
from skinexp.evaluation.tables import groups_of
from skinexp.runs import health_summary
from skinexp.runs.health_summary import Health

Content = TypeVar("Content")


# A collapsed network's logits differ by less than 0.001, a working one's by 1 or more.
COLLAPSED_BELOW = 0.05

# The tables in `evidence/` by file, with the columns that are used of each.
EVIDENCE = {
    "scores": ("score", "estimate", "low", "high", "method"),
    "reliability": ("stage", "images", "probability", "malignant", "low", "high"),
    "roc_band": ("false_positive_rate", "low", "high"),
    "precision_recall_band": ("recall", "low", "high"),
    "subgroups": ("column", "level", "images", "malignant", "roc_auc", "roc_auc_low", "roc_auc_high", "note"),
    "subgroup_gaps": ("column", "best", "worst", "gap", "low", "high"),
}


@dataclass(frozen=True, eq=False)
class RunRecord:
    """What one run left behind; predictions, history and maps are None where it left none.

    `evidence` holds the tables of the directory of that name that are there, by the keys of `EVIDENCE`.
    """

    name: str
    status: str  # finished, failed, killed, or whatever else the run last said of itself
    directory: Path
    result: Mapping[str, Any]
    error: str | None = None
    predictions: pd.DataFrame | None = None
    history: pd.DataFrame | None = None
    gradcam: Mapping[str, np.ndarray] | None = None
    evidence: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()  # files that are there and cannot be used

    @property
    def finished(self) -> bool:
        """Whether the run has scores to compare."""
        return self.status == "finished"

    def find(self, *keys: str) -> Any:
        """The entry of the result under these keys, one inside the other; None where there is none."""
        entry: Any = self.result
        for key in keys:
            if not isinstance(entry, Mapping):
                return None
            entry = entry.get(key)
        return entry

    def number(self, *keys: str) -> float:
        """The number of the result under these keys; NaN where there is none."""
        entry = self.find(*keys)
        return float(entry) if isinstance(entry, (int, float)) else math.nan

    def metric(self, key: str) -> float:
        """One score; NaN where the run has none or could not compute it."""
        return self.number("metrics", key)

    @property
    def metrics(self) -> dict[str, float]:
        """All scores by name."""
        return {key: self.metric(key) for key in self.find("metrics") or {}}

    @property
    def roc_auc(self) -> float:
        """The area under the ROC curve of the test images."""
        return self.metric("test/roc_auc")

    @cached_property
    def intervals(self) -> dict[str, Interval]:
        """Of each score that has one, by its name without the split; of an older run, of the area alone."""
        if (table := self.evidence.get("scores")) is not None:
            rows = zip(table["score"], table["estimate"], table["low"], table["high"], strict=True)
            return {str(score): Interval(*map(float, values)) for score, *values in rows}
        if (test := self.test) is None or not {"label", "logit"} <= set(test):
            return {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # where it is undefined the page has no interval, which says as much
            return {"roc_auc": delong_interval(test["label"], test["logit"], groups_of(test))}

    def interval(self, score: str) -> Interval:
        """Where a score of the test images may lie; limits are NaN where that is unknown."""
        low, high = self.intervals.get(score, (math.nan,) * 3)[1:]
        return Interval(self.metric(f"test/{score}"), low, high)

    @property
    def test(self) -> pd.DataFrame | None:
        """The predictions of the test images."""
        return None if self.predictions is None else self.predictions[self.predictions["split"] == "test"]

    @property
    def test_images(self) -> tuple[int, int]:
        """How many test images are benign and malignant; zeros where that is unknown."""
        if self.predictions is not None:
            labels = self.predictions.loc[self.predictions["split"] == "test", "label"]
            return int((labels == 0).sum()), int((labels == 1).sum())
        counts = self.find("data", "counts", "test") or {}
        return int(counts.get("benign", 0)), int(counts.get("malignant", 0))

    @property
    def fold(self) -> int | None:
        """Which fold of a cross-validation the run tested; None where it is no fold."""
        split = self.find("config", "data", "split")
        known = isinstance(split, Mapping) and split.get("folds") and split.get("fold") is not None
        return int(split["fold"]) if known else None

    @property
    def evaluates(self) -> bool:
        """Whether it is a test of a finished network on other images, in which nothing was trained."""
        return bool(self.find("evaluates"))

    @property
    def health(self) -> Health | None:
        """What the doctor said of the run; None where none saw it."""
        return health_summary.read(self.find("health"))

    @property
    def has_one_answer(self) -> bool:
        """Whether the run gives every test image the same class and all but the same logit."""
        one_class = self.metric("test/predicted_positive") in (0.0, 1.0)
        return one_class and self.metric("test/logit_std") < COLLAPSED_BELOW

    @property
    def collapsed(self) -> bool:
        """Whether the doctor calls it so; of a run that none saw, whether it has one answer to all images."""
        return self.has_one_answer if self.health is None else self.health.verdict == "collapsed"


def by_area(records: Sequence[RunRecord]) -> list[RunRecord]:
    """The run with the highest test ROC-AUC first, ties as they were given, those without one last."""
    return sorted(records, key=lambda record: math.inf if math.isnan(record.roc_auc) else -record.roc_auc)


def load(directory: Path, name: str | None = None) -> RunRecord:
    """Reads what a run left in its directory, however little that is.

    Args:
        directory: a run's output directory.
        name: what the run is called on the page; by default its own name, or the directory's.

    Returns:
        The record. A run without a readable `result.json` counts as failed, with an error that says so.
    """
    directory = Path(directory)
    try:
        result = json.loads((directory / "result.json").read_text(encoding="utf-8"))
        missing = None if isinstance(result, dict) else "result.json does not hold a run's result."
    except FileNotFoundError:
        missing = "The run left no result.json: it ended before it could write one."
    except ValueError:
        missing = "result.json cannot be read: the run ended while it wrote the file."
    if missing:
        return RunRecord(name or directory.name, "failed", directory, {}, error=missing)

    name = name or result.get("name") or directory.name
    status = str(result.get("status") or "unknown")
    record = RunRecord(name, status, directory, result, error=result.get("error"))
    if not record.finished:
        return record

    unreadable: list[str] = []
    return dataclasses.replace(
        record,
        predictions=_read(directory / "predictions.parquet", _read_predictions, unreadable),
        history=_read(directory / "history.csv", _read_history, unreadable),
        gradcam=_read(directory / "gradcam.npz", _read_arrays, unreadable),
        evidence=_read_evidence(directory / "evidence", unreadable),
        unreadable=tuple(unreadable),
    )


def _read(path: Path, read: Callable[[Path], Content], unreadable: list[str]) -> Content | None:
    """A file's content; None where it is absent, or broken, which is noted: one bad file must not cost the page."""
    if not path.exists():
        return None
    try:
        return read(path)
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile):
        unreadable.append(path.name)
        return None


def _read_evidence(directory: Path, unreadable: list[str]) -> dict[str, pd.DataFrame]:
    tables = {}
    for name, columns in EVIDENCE.items():

        def read(path: Path, columns: tuple[str, ...] = columns) -> pd.DataFrame:
            return _read_table(path, columns)

        broken: list[str] = []
        if (found := _read(directory / f"{name}.csv", read, broken)) is not None:
            tables[name] = found
        unreadable += [f"{directory.name}/{file}" for file in broken]
    return tables


def _read_table(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """A table that may have no rows: images without metadata have no subgroups."""
    table = pd.read_csv(path, keep_default_na=False, na_values=[""])
    if missing := set(columns) - set(table.columns):
        raise ValueError(f"lacks {', '.join(sorted(missing))}")
    return table


def _read_predictions(path: Path) -> pd.DataFrame:
    predictions = pd.read_parquet(path)
    _require(predictions, "image_id", "split", "label", "logit", "probability")
    return predictions


def _read_history(path: Path) -> pd.DataFrame:
    history = pd.read_csv(path)
    _require(history, "epoch", "phase", "best")
    return history


def _require(frame: pd.DataFrame, *columns: str) -> None:
    if frame.empty or not set(columns) <= set(frame.columns):
        raise ValueError(f"no rows, or not all of the columns {', '.join(columns)}")


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    # Opened here, because NumPy leaves a file open that turns out not to be an archive.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return {key: arrays[key] for key in ("image_id", "label", "probability", "image", "heat")}
