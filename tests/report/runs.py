"""Runs as they leave their directories, and runs of which only the result is known; a page as a reader reads it."""

import dataclasses
import datetime
import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from skinexp.evaluation import EvaluationOptions, evaluate
from skinexp.runs.run_summary import RunRecord, load

DAY = datetime.date(2026, 11, 23)
IMAGES = 200  # of validation, and of test
SIDE = 48


def predicted(seed: int, signal: float, spread: float = 1.0, shift: float = 0.0) -> pd.DataFrame:
    """Predictions of a model whose logits differ by `signal` standard deviations between the classes."""
    draw = np.random.default_rng(seed)
    label = np.tile([0, 1], IMAGES)
    logit = spread * (signal * (label - 0.5) + draw.normal(size=label.size)) + shift
    split = np.repeat(["val", "test"], IMAGES)
    image_id = [f"image_{number:03}" for number in range(label.size)]
    return pd.DataFrame(
        {"image_id": image_id, "split": split, "label": label, "logit": logit, "probability": expit(logit)}
    )


def history(epochs: int = 6) -> pd.DataFrame:
    epoch = np.arange(1, epochs + 1)
    scores = {f"{part}/{name}": 0.5 + 0.01 * epoch for part in ("train", "val") for name in ("accuracy", "auc")}
    losses = {"train/loss": 1 / epoch, "val/loss": 1.1 / epoch}
    return pd.DataFrame({"epoch": epoch, "phase": "train", **losses, **scores, "best": epoch == epochs})


def maps(image_ids: list[str], side: int = SIDE) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(len(image_ids))
    count = len(image_ids)
    return {
        "image_id": np.array(image_ids),
        "label": np.arange(count) % 2,
        "probability": draw.random(count),
        "image": draw.integers(0, 256, (count, side, side, 3), dtype=np.uint8),
        "heat": draw.random((count, side, side)).astype(np.float32),
    }


def result(name: str, predictions: pd.DataFrame, **entries: Any) -> dict[str, Any]:
    evaluation = evaluate(predictions, EvaluationOptions(resamples=20))
    return {
        "status": "finished",
        "name": name,
        "error": None,
        "run_id": f"id-of-{name}",
        "parent_run_id": "the-parent",
        "tracking_uri": "https://alice:secret@tracking.example/mlflow",
        "model": {"name": "scratch", "parameters": 618_017},
        "config": {"seed": 3, "data": {"name": "folder", "path": "/somewhere/lesions"}},
        "config_digest": f"config-of-{name}",
        "data_digest": "the-data",
        "test_digest": "the-test-images",
        "data": {
            "name": "folder",
            "images": 600,
            "counts": {split: {"benign": 100, "malignant": 100} for split in ("train", "val", "test")},
            "excluded": {"premalignant": 129},
            "bad_images": 0,
            "grouped_by": "lesion_id",
        },
        "metrics": evaluation.metrics,
        "thresholds": evaluation.thresholds,
        "best_epoch": 6,
        "epochs": 6,
        "seconds": {"total": 83.0},
        "git": {"sha": "0123abcd", "dirty": True},
        "command": f"python -m skinexp.train {name}",
    } | entries


def write_run(
    directory: Path, name: str, predictions: pd.DataFrame, gradcam: dict[str, np.ndarray] | None = None, **entries: Any
) -> RunRecord:
    directory.mkdir(parents=True)
    (directory / "result.json").write_text(json.dumps(result(name, predictions, **entries)))
    predictions.to_parquet(directory / "predictions.parquet")
    history().to_csv(directory / "history.csv", index=False)
    if gradcam is not None:
        np.savez(directory / "gradcam.npz", **gradcam)
    return load(directory)


def in_memory(name: str, predictions: pd.DataFrame, **entries: Any) -> RunRecord:
    """A run of which only the result is known, so that its page has no figures and is made at once."""
    entries = result(name, predictions, **entries)
    return RunRecord(name, entries["status"], Path(name), entries, error=entries["error"])


def failed(name: str, error: str | None) -> RunRecord:
    return RunRecord(name, "failed", Path(name), {"status": "failed", "name": name, "error": error}, error=error)


def with_area(name: str, area: float) -> RunRecord:
    """A run with this test ROC-AUC that left no predictions."""
    return in_memory(name, predicted(0, 1.0), metrics={"test/roc_auc": area})


def explained(name: str, image_ids: list[str], **entries: Any) -> RunRecord:
    return dataclasses.replace(in_memory(name, predicted(0, 1.0), **entries), gradcam=maps(image_ids))


def score(value: float) -> str:
    """As the page shows it."""
    return f"{value:.3f}".removeprefix("0")


def words(page: Path) -> str:
    """What a reader reads, in one line; alternative texts included."""
    html = re.sub(r"<(style|script)>.*?</\1>", "", page.read_text(), flags=re.DOTALL)
    html = re.sub(r'<img[^>]*alt="([^"]*)"[^>]*>', r"\1", html).replace("<wbr>", "")
    return unescape(" ".join(re.sub(r"<[^>]*>", " ", html).split()))
