"""Runs of which only the result is known, a sweep that holds the collapse, and one with all that runs leave."""

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from skinexp.runs.run_outputs import RunOutputs, read_outputs
from tests.report.runs import DAY, IMAGES, compare, maps, outputs, predicted, write_run

Run = Callable[..., RunOutputs]

WRONG_RANGE = {
    "verdict": "collapsed",
    "cause": "wrong_input_range",
    "sentence": "All images have the same features.",
    "cure": "model.input_scaling=contract",
    "feature_cosine": 0.9998,
    "probe_auc": 0.76,
}
WELL = {"verdict": "ok", "cause": None, "sentence": "", "cure": None, "feature_cosine": 0.53, "probe_auc": 0.84}


@pytest.fixture(scope="session")
def run() -> Run:
    """Makes a run from its settings, its areas on test and validation, and what the doctor said of it."""

    def make(
        settings: dict[str, Any],
        area: float | None = 0.8,
        health: dict[str, Any] | None = None,
        status: str = "finished",
        seed: int = 0,
    ) -> RunOutputs:
        config: dict[str, Any] = {"seed": seed}
        for key, value in settings.items():
            *parents, last = key.split(".")
            node = config
            for parent in parents:
                node = node.setdefault(parent, {})
            node[last] = value
        name = " ".join(f"{key}={value}" for key, value in settings.items()) + (f" seed={seed}" if seed else "")
        metrics = {"test/roc_auc": area, "val/roc_auc": area} if area is not None else {}
        result = {"name": name, "status": status, "config": config, "metrics": metrics}
        return outputs(name, result | ({"health": health} if health else {}))

    return make


@pytest.fixture(scope="session")
def collapse(run) -> list[RunOutputs]:
    """Two models, each inside its contract and fed pixels 0..1, with two normalizations at two learning rates.

    EfficientNet collapses wherever its pixels are 0..1, MobileNet only does worse. Fine-tuning is each model's own.
    """
    records = []
    for number, (model, scaling, norm, rate) in enumerate(
        product(("efficientnet", "mobilenet"), ("contract", "unit"), ("frozen", "trained"), (1e-3, 1e-4))
    ):
        settings = {
            "model.name": model,
            "model.input_scaling": scaling,
            "model.batch_norm": norm,
            "model.fine_tune.lr": {"efficientnet": 1e-5, "mobilenet": 1e-4}[model],
            "optim.lr": rate,
        }
        ill = (model, scaling) == ("efficientnet", "unit")
        area = 0.01 * (number % 4) + (0.5 if ill else 0.74 if scaling == "unit" else 0.81)
        records.append(run(settings, area, WRONG_RANGE if ill else WELL))
    return records


@pytest.fixture(scope="session")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> list[RunOutputs]:
    """A good run, a better one, a collapsed one, and one that failed."""
    directory = tmp_path_factory.mktemp("sweep")
    ids = [f"image_{number:03}" for number in range(IMAGES, IMAGES + 4)]
    (directory / "3").mkdir()
    error = "ValueError: data.path: there is no such directory."
    (directory / "3" / "result.json").write_text(json.dumps({"status": "failed", "name": "model=lost", "error": error}))
    return [
        write_run(directory / "0", "model=good", predicted(0, 1.0), maps(ids)),
        write_run(directory / "1", "model=better", predicted(1, 3.0), maps(ids[::-1], side=64)),
        write_run(directory / "2", "model=collapsed", predicted(2, 1.0, spread=1e-4, shift=-1.0), maps(ids)),
        read_outputs(directory / "3"),
    ]


@pytest.fixture(scope="session")
def page(sweep: list[RunOutputs], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compare(sweep, tmp_path_factory.mktemp("comparison"), day=DAY)
