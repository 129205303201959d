"""Runs commands as a user would, each in a process and a directory of its own, and takes their time and memory."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure import peak_memory

NEVER = 100_000  # epochs of patience: no training stops early


@dataclass(frozen=True)
class Ended:
    """What a command took: seconds from its start to its end, and peak megabytes."""

    seconds: float
    memory: float


def run(command: Sequence[str], place: Path, log: str) -> Ended:
    """Runs a command in a directory, which is made; what it prints goes to the file `log` there.

    Raises:
        RuntimeError: where it fails, with the end of its log.
    """
    place.mkdir(parents=True, exist_ok=True)
    with (place / log).open("w") as output, peak_memory(interval=0.2) as peak:
        start = time.perf_counter()
        code = subprocess.run(command, cwd=place, stdout=output, stderr=output, check=False).returncode
        seconds = time.perf_counter() - start
    if code:
        raise RuntimeError(f"{' '.join(command)}: exit code {code}\n{(place / log).read_text()[-2_000:]}")
    return Ended(seconds, peak.megabytes)


def train(place: Path, name: str, overrides: Mapping[str, Any]) -> tuple[Ended, dict[str, Any]]:
    """`python -m skinexp.train` with these overrides, into `place/name`; and its result.json.

    A run that an earlier measurement left there is replaced.
    Caches and MLflow's store lie in `place`: runs there share them.
    """
    given = {**overrides, "hydra.run.dir": place / name, "overwrite": "true"}
    ended = run([sys.executable, "-m", "skinexp.train", *map("=".join, _quoted(given))], place, f"{name}.log")
    return ended, json.loads((place / name / "result.json").read_text())


def folder(images: Path, weights: Path | None) -> dict[str, Any]:
    """The overrides that name images and weights."""
    return {"data": "folder", "data.path": images, "model.weights": weights or "null"}


def _quoted(overrides: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Paths in quotes: Hydra's grammar knows few characters outside them."""
    return [(key, f"'{value}'" if isinstance(value, Path) else str(value)) for key, value in overrides.items()]
