"""A sweep as runs leave it that gather their evidence: three models on the same images, one of which collapsed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from skinexp.evaluation import EvaluationOptions, evaluate
from skinexp.runs.run_summary import RunRecord, load

SIGNALS = {"model=scratch": 1.9, "model=mobilenet": 2.5, "model=efficientnet": 0.4}
COLLAPSED = {
    "verdict": "collapsed",
    "cause": "wrong_input_range",
    "sentence": "All images have the same features: the backbone expects pixels 0..255 and was fed 0..1.",
    "cure": "model.input_scaling=contract",
    "feature_cosine": 0.9998,
    "probe_auc": 0.76,
}
WELL = {"verdict": "ok", "cause": None, "sentence": "", "cure": None, "feature_cosine": 0.53, "probe_auc": 0.84}
SITES = ["back", "face", "leg", "palm"]


def write_sweep(place: Path, images: int = 500, resamples: int = 40) -> list[RunRecord]:
    """Writes the three runs into a directory and reads them again."""
    return [
        write_run(place / str(number), name, signal, number, images, resamples)
        for number, (name, signal) in enumerate(SIGNALS.items())
    ]


def write_run(place: Path, name: str, signal: float, number: int, images: int, resamples: int) -> RunRecord:
    """A run whose logits differ by so many standard deviations between the classes, with all that it leaves behind."""
    place.mkdir(parents=True)
    ill = name == "model=efficientnet"
    predictions = predicted(signal, number, images, flat=ill)
    options = EvaluationOptions(calibration="none" if ill else "temperature", resamples=resamples)
    evaluation = evaluate(predictions, options)
    (place / "evidence").mkdir()
    for file, table in evaluation.tables.items():
        table.to_csv(place / "evidence" / f"{file}.csv", index=False)
    predictions.to_parquet(place / "predictions.parquet")
    history(signal, ill).to_csv(place / "history.csv", index=False)
    np.savez(place / "gradcam.npz", **maps(predictions, number))
    result = described(name, images, evaluation.metrics, evaluation.thresholds, ill)
    (place / "result.json").write_text(json.dumps(result))
    return load(place)


def predicted(signal: float, seed: int, images: int, flat: bool) -> pd.DataFrame:
    """Images that are as hard for every model, with ages, sexes and sites; palms are rare."""
    shared, own = np.random.default_rng(7), np.random.default_rng(seed)
    label = np.tile([0, 1, 0], images)[: 2 * images]
    hard = shared.normal(size=label.size)
    metadata = {
        "age": np.round(shared.normal(50 + 10 * label, 15).clip(5, 90)),
        "sex": shared.choice(["female", "male"], label.size),
        "site": shared.choice(SITES, label.size, p=[0.5, 0.27, 0.2, 0.03]),
    }
    logit = 1.4 * (signal * (label - 0.5) + 0.8 * hard + 0.6 * own.normal(size=label.size))
    if flat:
        logit = 1e-3 * logit - 1.0
    return pd.DataFrame(
        {
            "image_id": [f"ISIC_{4_000_000 + 17 * number:07}" for number in range(label.size)],
            "split": np.repeat(["val", "test"], images),
            "label": label,
            "logit": logit,
            "probability": expit(logit),
            **metadata,
        }
    )


def history(signal: float, flat: bool) -> pd.DataFrame:
    """Twelve epochs of the head and eight of fine-tuning."""
    epoch = np.arange(1, 21)
    progress = 0 * epoch if flat else 1 - np.exp(-epoch / 5)
    table = pd.DataFrame({"epoch": epoch, "phase": np.where(epoch <= 12, "head", "fine_tune")})
    for part, share in (("train", 1.0), ("val", 0.9)):
        table[f"{part}/loss"] = 0.69 - 0.17 * signal * progress * share
        table[f"{part}/accuracy"] = 0.6 + 0.1 * signal * progress * share
        table[f"{part}/auc"] = 0.5 + 0.16 * signal * progress * share
    return table.assign(best=epoch == 18)


def maps(predictions: pd.DataFrame, seed: int, count: int = 12, side: int = 96) -> dict[str, np.ndarray]:
    """Maps of the first test images; one drawing an image, the same for all runs."""
    test = predictions[predictions["split"] == "test"].head(count)
    drawing, looking = np.random.default_rng(5), np.random.default_rng(seed)
    return {
        "image_id": test["image_id"].to_numpy(dtype=str),
        "label": test["label"].to_numpy(),
        "probability": test["probability"].to_numpy(),
        "image": np.stack([lesion(drawing, side) for _ in range(count)]),
        "heat": np.stack([blob(looking, side) for _ in range(count)]),
    }


def blob(draw: np.random.Generator, side: int) -> np.ndarray:
    """A smooth hill somewhere near the middle."""
    y, x = np.mgrid[:side, :side] / side
    centre = draw.normal(0.5, 0.08, 2)
    return np.exp(-(((x - centre[0]) / 0.2) ** 2) - ((y - centre[1]) / 0.17) ** 2)


def lesion(draw: np.random.Generator, side: int) -> np.ndarray:
    """A dark spot on skin."""
    skin, spot = np.array([222, 178, 158]), np.array([96, 60, 48])
    hill = blob(draw, side)[..., None]
    return (skin + (spot - skin) * hill + draw.normal(0, 4, (side, side, 1))).clip(0, 255).astype(np.uint8)


def described(
    name: str, images: int, metrics: dict[str, float], thresholds: dict[str, float], ill: bool
) -> dict[str, Any]:
    """The rest of a result."""
    model = name.removeprefix("model=")
    counts = {split: {"benign": 2 * images // 3, "malignant": images // 3} for split in ("train", "val", "test")}
    return {
        "status": "finished",
        "name": name,
        "run_id": f"id-of-{model}",
        "model": {"name": model, "parameters": 618_017},
        "config": {"seed": 3, "model": {"name": model}, "data": {"name": "folder", "path": "/somewhere/lesions"}},
        "config_digest": f"config-of-{model}",
        "data_digest": "5f1c0d3b9a7e2468",
        "test_digest": "0badcafe12345678",
        "data": {"name": "folder", "images": 3 * images, "counts": counts, "grouped_by": "lesion_id"},
        "metrics": metrics,
        "thresholds": thresholds,
        "best_epoch": 18,
        "epochs": 20,
        "seconds": {"total": 83.0},
        "health": COLLAPSED if ill else WELL,
        "git": {"sha": "0123abcd", "dirty": False},
        "command": f"python -m skinexp.train -m {name} data=folder data.path=/somewhere/lesions",
    }
