"""Where runs come from: the data that they used, and what it takes to repeat them."""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from skinexp.core.number_format import ABSENT, listing, whole
from skinexp.runs.run_summary import RunRecord


def data_name(record: RunRecord) -> str | None:
    """What readers call the data: the name of its directory or of its place on the hub, if it has one."""
    path = record.find("config", "data", "path")
    if not path:
        return record.find("data", "name") or record.find("config", "data", "name")
    is_hub_name = record.find("config", "data", "name") == "hub" and not Path(path).is_absolute()
    return path if is_hub_name else Path(path).name


def used_data(finished: Sequence[RunRecord]) -> list[dict[str, Any]]:
    """The data that runs used, told once for all runs that used the same."""
    users: dict[str, list[RunRecord]] = {}
    for record in finished:
        if record.find("data"):
            facts = [record.find("data"), record.find("data_digest"), record.find("test_digest"), record.evaluates]
            users.setdefault(json.dumps(facts, sort_keys=True, default=str), []).append(record)
    return [
        {
            "runs": [record.name for record in sharing],
            "sentences": _data_sentences(sharing[0]) + _said_by_evaluations(sharing),
            "counts": {part: of for part, of in (sharing[0].find("data", "counts") or {}).items() if any(of.values())},
        }
        for sharing in users.values()
    ]


def _data_sentences(record: RunRecord) -> list[str]:
    """How many images there are, which were left out, and which had to stay together."""
    images, bad_images = record.number("data", "images"), record.number("data", "bad_images")
    name, group = data_name(record) or "an unnamed data set", record.find("data", "grouped_by")
    excluded = record.find("data", "excluded") or {}
    sentences = [f"Images of {name}." if math.isnan(images) else f"{whole(images)} images of {name}."]
    if excluded:
        sentences.append(f"Left out on purpose: {', '.join(f'{count:,} {word}' for word, count in excluded.items())}.")
    else:
        sentences.append("No class was left out.")
    if bad_images > 0:
        sentences.append(f"Left out because they cannot be read: {whole(bad_images)}.")
    if folds := record.find("folds"):
        sentences.append(f"They were shared out among {whole(folds)} folds; each image was tested once.")
    if record.evaluates:
        sentences.append("All of them were tested, and nothing was trained on them here.")
        if group:
            sentences.append(f'Intervals take images with the same "{group}" together.')
    elif group:
        sentences.append(f'Images with the same "{group}" are in the same split.')
    else:
        sentences.append("Images were split one by one: several pictures of one lesion may be in training and in test.")
    return sentences


def _said_by_evaluations(sharing: Sequence[RunRecord]) -> list[str]:
    """What tests of finished networks said of these images: how far they are from each network's training images."""
    said: dict[str, list[str]] = {}
    for record in sharing:
        if record.evaluates and (sentences := record.find("sentences")):
            said.setdefault(" ".join(sentences), []).append(record.name)
    everyone = [record.name for record in sharing]
    return [told if names == everyone else f"{listing(names)}: {told}" for told, names in said.items()]


def facts(records: Sequence[RunRecord]) -> dict[str, Any]:
    """What it takes to repeat the runs: what is each run's own, and what all share that recorded it."""
    read: dict[str, Callable[[RunRecord], str | None]] = {
        "Command": lambda record: record.find("command"),
        "Run id": lambda record: record.find("run_id"),
        "Configuration digest": lambda record: record.find("config_digest"),
        "Data digest": lambda record: record.find("data_digest"),
        "Test images digest": lambda record: record.find("test_digest"),
        "Code (git commit)": _commit,
        "Experiment": lambda record: record.find("experiment"),
        "Parent run id": lambda record: record.find("parent_run_id"),
        "Tracking address": lambda record: record.find("tracking_uri"),
    }
    values = {label: [field(record) for record in records] for label, field in read.items()}
    own = {"Command", "Run id", "Configuration digest"} if len(records) > 1 else set()
    shared = {
        label: next(filter(None, each))
        for label, each in values.items()
        if label not in own and len(set(filter(None, each))) == 1
    }
    differing = [label for label, each in values.items() if label not in shared and any(each)]
    rows = [
        (record.name, [values[label][place] or ABSENT for label in differing]) for place, record in enumerate(records)
    ]
    return {"shared": shared, "differing": differing, "rows": rows}


def _commit(record: RunRecord) -> str | None:
    commit = record.find("git", "sha")
    return f"{commit}, with uncommitted changes" if commit and record.find("git", "dirty") else commit
