"""Runs on a damaged cache: the same logits as with an empty one, and a line for what was made again."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from skinexp.config import compose
from skinexp.workflows.training_job import train
from tests.security.damage import WAYS

TINY = (
    "experiment=smoke", "model=mobilenet", "model.weights=phantom", "data.phantom.images=100", "optim.epochs=2",
    "model.fine_tune.epochs=2", "training.redraw=1", "tracking.tensorboard=false", "tracking.system_metrics=false",
    "tracking.required=false", "tracking.wait=0", "health.preflight=false", "evaluate.resamples=200",
    "explain.images=0", "tracking.model=false",
)  # fmt: skip


@pytest.fixture
def logits(tmp_path) -> Callable[[str], np.ndarray]:
    """Trains the same small network on the cache, and returns what it predicts."""

    def logits(name: str) -> np.ndarray:
        places = (f"data.cache={tmp_path / 'cache'}", f"tracking.uri=sqlite:///{tmp_path / name}.db")
        run = train(compose([*TINY, *places]), tmp_path / name)
        return run.predictions["logit"].to_numpy()

    return logits


def files(cache: Path) -> list[Path]:
    """The files of the cache, but for locks, which are empty."""
    return sorted(file for file in cache.rglob("*") if file.is_file() and file.suffix != ".lock")


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of libraries: this process is a command here
def test_whatever_happens_to_each_file_of_a_cache_a_run_ends_as_with_an_empty_one(logits, tmp_path, caplog):
    cache = tmp_path / "cache"
    expected = logits("undamaged")
    assert {file.parent.name for file in files(cache)} >= {"features"}
    for damage in WAYS:
        damaged = files(cache)
        for file in damaged:
            damage(file)
        caplog.clear()
        with caplog.at_level(logging.INFO):
            np.testing.assert_array_equal(logits(damage.__name__), expected)
        said = [line for line in caplog.messages if line.startswith(("Damaged", "Prepared", "Features  of"))]
        assert len(said) >= 2, damage.__name__
        assert files(cache) == damaged
