"""Records of sweeps and runs as a stranger could send them."""

import json
from pathlib import Path
from typing import Any

import yaml

from skinexp.sweep.manifest import Manifest


def sweep(directory: Path, *overrides: str, settings: tuple[Any, ...] = (), place: str = "") -> Path:
    """A sweep's directory with a record of these words."""
    directory.mkdir(parents=True, exist_ok=True)
    words = {"overrides": list(overrides), "settings": list(settings)}
    Manifest("killed", varied=["seed"], tracking={}, place=place or str(directory.parent), **words).save(directory)
    return directory


def run(directory: Path, *overrides: str, settings: tuple[Any, ...] = (), place: str = "") -> Path:
    """A run's directory with a record of these words."""
    saved = directory / ".hydra"
    saved.mkdir(parents=True)
    words = {"task": list(overrides), "hydra": list(settings)}
    content = {"hydra": {"overrides": words, "runtime": {"cwd": place or str(directory.parent)}}}
    (saved / "hydra.yaml").write_text(yaml.safe_dump(content))
    (saved / "overrides.yaml").write_text(yaml.safe_dump(list(overrides)))
    return directory


def outbox(directory: Path, store: str, *records: dict[str, Any]) -> Path:
    """A run's directory with an outbox that has these records behind the first one."""
    opening = {"kind": "run", "key": "stranger", "uri": store, "cwd": str(directory), "experiment": "skinexp"}
    opening |= {"name": "seed=1", "parent": None, "tags": {}, "time": 0}
    (directory / "outbox").mkdir(parents=True)
    lines = [opening, *records, {"kind": "status", "status": "FINISHED", "time": 1}]
    (directory / "outbox" / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return directory
