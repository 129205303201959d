"""The runs of a sweep side by side: read from their directories, told apart from noise, and written down.

Nothing is scored again here: every number comes out of the files that a run left in its directory.
"""

import dataclasses
import datetime
import json
import math
import zipfile
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from skinexp.report import page

Content = TypeVar("Content")

# A collapsed network's logits differ by less than 0.001, a working one's by 1 or more.
COLLAPSED_BELOW = 0.05

# Differences beyond so many standard errors occur by chance once in twenty comparisons.
BEYOND_NOISE = 1.96

FIRST_METRICS = ("test/roc_auc", "val/roc_auc", "test/average_precision", "test/accuracy")


@dataclass(frozen=True, eq=False)
class RunRecord:
    """What one run left behind; predictions, history and maps are None where it left none."""

    name: str
    status: str  # finished, failed, killed, or whatever else the run last said of itself
    directory: Path
    result: Mapping[str, Any]
    error: str | None = None
    predictions: pd.DataFrame | None = None
    history: pd.DataFrame | None = None
    gradcam: Mapping[str, np.ndarray] | None = None
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

    @property
    def roc_auc_error(self) -> float:
        """Rough standard error of the test ROC-AUC; NaN where it or the test images' classes are unknown."""
        benign, malignant = self.test_images
        return auc_standard_error(self.roc_auc, positives=malignant, negatives=benign)

    @property
    def test_images(self) -> tuple[int, int]:
        """How many test images are benign and malignant; zeros where that is unknown."""
        if self.predictions is not None:
            labels = self.predictions.loc[self.predictions["split"] == "test", "label"]
            return int((labels == 0).sum()), int((labels == 1).sum())
        counts = self.find("data", "counts", "test") or {}
        return int(counts.get("benign", 0)), int(counts.get("malignant", 0))

    @property
    def collapsed(self) -> bool:
        """Whether the run gives every test image the same class and all but the same logit."""
        one_answer = self.metric("test/predicted_positive") in (0.0, 1.0)
        return one_answer and self.metric("test/logit_std") < COLLAPSED_BELOW


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
        unreadable=tuple(unreadable),
    )


def table(records: Sequence[RunRecord]) -> pd.DataFrame:
    """One row a run, finished or not: who it is, what it used, and all its scores.

    Returns:
        A table with `name, status, error, model, seed, run_id, config_digest, data_digest, test_digest, best_epoch,
        epochs, seconds` and a column for each metric that any run has; scores are NaN where a run has none.
    """
    rows = [
        {
            "name": record.name,
            "status": record.status,
            "error": record.error,
            "model": record.find("model", "name"),
            "seed": record.find("config", "seed"),
            "run_id": record.find("run_id"),
            "config_digest": record.find("config_digest"),
            "data_digest": record.find("data_digest"),
            "test_digest": record.find("test_digest"),
            "best_epoch": record.find("best_epoch"),
            "epochs": record.find("epochs"),
            "seconds": record.number("seconds", "total"),
            **record.metrics,
        }
        for record in records
    ]
    measured = {key for record in records for key in record.metrics}
    metrics = [key for key in FIRST_METRICS if key in measured] + sorted(measured.difference(FIRST_METRICS))
    frame = pd.DataFrame(rows)
    described = [column for column in frame.columns if column not in measured]
    whole_numbers = dict.fromkeys(("seed", "best_epoch", "epochs"), "Int64")
    return frame[described + metrics].astype(whole_numbers | dict.fromkeys(metrics, "float64"))


def auc_standard_error(area: float, positives: int, negatives: int) -> float:
    """Rough standard error of an area under the ROC curve, from the area and the number of cases alone.

    Args:
        area: the area, 0 to 1.
        positives: number of malignant cases.
        negatives: number of benign cases.

    Returns:
        The standard error; NaN where the area is NaN or a class is absent.

    Reference: Hanley & McNeil, Radiology 143 (1982), which assumes scores with exponential distributions.
    """
    if math.isnan(area) or positives < 1 or negatives < 1:
        return math.nan
    two_positives_above = area / (2 - area)
    two_negatives_below = 2 * area**2 / (1 + area)
    variance = (
        area * (1 - area)
        + (positives - 1) * (two_positives_above - area**2)
        + (negatives - 1) * (two_negatives_below - area**2)
    ) / (positives * negatives)
    return math.sqrt(max(variance, 0.0))


def same_test_images(records: Sequence[RunRecord]) -> bool:
    """Whether all finished runs that name their test images were tested on the same ones."""
    digests = {record.find("test_digest") for record in records if record.finished}
    return len(digests - {None}) <= 1


def verdict(records: Sequence[RunRecord]) -> list[str]:
    """What the numbers say, in sentences: which run is ahead, whether by more than noise, and which one is broken."""
    finished = [record for record in records if record.finished]
    if not finished:
        return ["No run finished, so there is nothing to compare."]
    if same_test_images(finished):
        sentences = _ranking(finished)
    else:
        sentences = ["No run is named the best, because the runs were tested on different images."]
    return sentences + [_collapse(record) for record in finished if record.collapsed]


def compare(records: Sequence[RunRecord], directory: Path, *, day: datetime.date | None = None) -> Path:
    """Writes the comparison of some runs: `comparison.html`, `comparison.csv` and `comparison.json`.

    Args:
        records: the runs, in the order in which they are shown.
        directory: where the files go; made where absent.
        day: the date on the page; today by default.

    Returns:
        The path of the page, one file that needs nothing else.

    Raises:
        ValueError: where there are no runs.
    """
    if not records:
        raise ValueError("comparison: there are no runs to compare. Name at least one run's directory. Received: []")
    records = _with_distinct_names(records)
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)

    # The tables come first: they are there even where a figure cannot be drawn.
    rows = table(records)
    rows.to_csv(directory / "comparison.csv", index=False)
    text = json.dumps(_strict(rows), indent=2, allow_nan=False, ensure_ascii=False)
    (directory / "comparison.json").write_text(text + "\n", encoding="utf-8")

    html = page.render(
        records,
        verdict=verdict(records),
        comparable=same_test_images(records),
        day=day or datetime.date.today(),
    )
    path = directory / "comparison.html"
    path.write_text(html, encoding="utf-8")
    return path


def _ranking(finished: Sequence[RunRecord]) -> list[str]:
    """Which run has the highest test ROC-AUC, and whether the runs behind it are within noise of it."""
    ranked = sorted((record for record in finished if not math.isnan(record.roc_auc)), key=lambda run: -run.roc_auc)
    if not ranked:
        return ["No run has a test ROC-AUC, which needs test images of both classes."]
    best, *others = ranked
    images = f"{sum(best.test_images):,} test images"
    if not others:
        return [f"{best.name} reaches a test ROC-AUC of {best.roc_auc:.3f}{_error_of(best.roc_auc_error, images)}."]

    second = others[0]
    ahead = best.roc_auc - second.roc_auc
    if ahead < 0.0005:
        first = f"{best.name} and {second.name} share the highest test ROC-AUC, {best.roc_auc:.3f}."
    else:
        first = (
            f"{best.name} has the highest test ROC-AUC, {best.roc_auc:.3f}: "
            f"{ahead:.3f} above {second.name} ({second.roc_auc:.3f})."
        )

    # Runs tested on the same images err together: their difference is surer than this, which errs towards "noise".
    errors = {run.name: math.hypot(best.roc_auc_error, run.roc_auc_error) for run in others}
    error = errors[second.name]
    if math.isnan(error):
        return [first, "Whether that is more than noise cannot be said: the number of test images is unknown."]
    within = [run.name for run in others[1:] if best.roc_auc - run.roc_auc < BEYOND_NOISE * errors[run.name]]
    reason = f"the difference has a standard error of about {error:.3f} on {images}."
    if ahead >= BEYOND_NOISE * error:
        return [first, f"That is more than noise: {reason}"]
    also = f" {_listing(within)} {'is' if len(within) == 1 else 'are'} within noise of it too." if within else ""
    return [first, f"That is within noise: {reason}{also}"]


def _collapse(record: RunRecord) -> str:
    """What a collapsed run does, and what its accuracy is worth."""
    answer = "malignant" if record.metric("test/predicted_positive") == 1.0 else "benign"
    accuracy = record.metric("test/accuracy")
    worth = "" if math.isnan(accuracy) else f", and its accuracy of {accuracy:.3f} is the share of {answer} images"
    spread = record.metric("test/logit_std")
    return (
        f"{record.name} has collapsed: it always answers {answer}{worth}. "
        f"Its logits hardly differ from image to image (standard deviation {spread:.2g})."
    )


def _error_of(error: float, images: str) -> str:
    return "" if math.isnan(error) else f", with a standard error of about {error:.3f} on {images}"


def _listing(names: Sequence[str]) -> str:
    """Names as a sentence lists them: a, b and c."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _with_distinct_names(records: Sequence[RunRecord]) -> list[RunRecord]:
    """The records, those with an earlier one's name numbered: figures and tables tell runs apart by name alone."""
    taken: set[str] = set()
    distinct = []
    for record in records:
        name, number = record.name, 1
        while name in taken:
            number += 1
            name = f"{record.name} ({number})"
        taken.add(name)
        distinct.append(dataclasses.replace(record, name=name))
    return distinct


def _strict(rows: pd.DataFrame) -> list[dict[Hashable, Any]]:
    """Rows as JSON knows them, which has neither NaN nor infinity: both become null."""
    unbounded = rows.replace([math.inf, -math.inf], math.nan).astype(object)
    return unbounded.where(unbounded.notna(), None).to_dict(orient="records")


def _read(path: Path, read: Callable[[Path], Content], unreadable: list[str]) -> Content | None:
    """A file's content; None where it is absent, or broken, which is noted: one bad file must not cost the page."""
    if not path.exists():
        return None
    try:
        return read(path)
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile):
        unreadable.append(path.name)
        return None


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
