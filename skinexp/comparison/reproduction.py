"""Where runs come from: the data that they used, and what it takes to repeat them."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from skinexp.core.number_format import ABSENT, listing, whole
from skinexp.runs.run_outputs import RunRecord

OWN = ("Command", "Run id", "Configuration digest")  # of each run, if there are several


@dataclass(frozen=True)
class DatasetSummary:
    """The data that some runs used.

    Attributes:
        runs: names of the runs.
        sentences: how many images there are, which were left out, and how they were split.
        counts: images by split and class.
    """

    runs: list[str]
    sentences: list[str]
    counts: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Reproduction:
    """What it takes to repeat some runs.

    Attributes:
        shared: what all runs that recorded it have in common, by label.
        differing: the other labels.
        rows: for each run its name and its values, in the order of `differing`.
    """

    shared: dict[str, str]
    differing: list[str]
    rows: list[tuple[str, list[str]]]


def data_name(record: RunRecord) -> str | None:
    """Returns what readers call the data: the name of its directory or of its place on the hub, if it has one."""
    path = record.find("config", "data", "path")
    if not path:
        return record.find("data", "name") or record.find("config", "data", "name")
    is_hub_name = record.find("config", "data", "name") == "hub" and not Path(path).is_absolute()
    return path if is_hub_name else Path(path).name


def dataset_summaries(finished: Sequence[RunRecord]) -> list[DatasetSummary]:
    """Describes the data that runs used, once for all runs that used the same."""
    users: dict[str, list[RunRecord]] = {}
    for record in finished:
        if record.find("data"):
            facts = [record.find("data"), record.find("data_digest"), record.find("test_digest"), record.evaluates]
            users.setdefault(json.dumps(facts, sort_keys=True, default=str), []).append(record)
    return [
        DatasetSummary(
            [record.name for record in sharing],
            _data_sentences(sharing[0]) + _shift_sentences(sharing),
            {part: of for part, of in (sharing[0].find("data", "counts") or {}).items() if any(of.values())},
        )
        for sharing in users.values()
    ]


def _data_sentences(record: RunRecord) -> list[str]:
    """Says how many images there are, which were left out, and which had to stay together."""
    images, bad_images = record.number("data", "images"), record.number("data", "bad_images")
    name, group = data_name(record) or "an unnamed data set", record.find("data", "grouped_by")
    excluded = record.find("data", "excluded") or {}
    sentences = [f"Images of {name}." if math.isnan(images) else f"{whole(images)} images of {name}."]
    if excluded:
        counts = ", ".join(f"{count:,} {label}" for label, count in excluded.items())
        sentences.append(f"Excluded classes: {counts}.")
    else:
        sentences.append("No class was excluded.")
    if bad_images > 0:
        sentences.append(f"Excluded because they cannot be read: {whole(bad_images)} images.")
    if folds := record.find("folds"):
        sentences.append(f"The images were split into {whole(folds)} folds; each image was tested once.")
    if record.evaluates:
        sentences.append("All images were tested; none was used for training here.")
        if group:
            sentences.append(f'Intervals treat images with the same "{group}" as one case.')
    elif group:
        sentences.append(f'Images with the same "{group}" are in the same split.')
    else:
        sentences.append(
            "The images were split individually: images of one lesion may be in both the training and the test part."
        )
    return sentences


def _shift_sentences(sharing: Sequence[RunRecord]) -> list[str]:
    """Returns what external validations found: how far these images are from each network's training images."""
    found: dict[str, list[str]] = {}
    for record in sharing:
        if record.evaluates and (sentences := record.find("sentences")):
            found.setdefault(" ".join(sentences), []).append(record.name)
    everyone = [record.name for record in sharing]
    return [text if names == everyone else f"{listing(names)}: {text}" for text, names in found.items()]


def reproduction(records: Sequence[RunRecord]) -> Reproduction:
    """Collects what it takes to repeat the runs: each run's own, and what all runs that recorded it share."""
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
    shared = {
        label: next(filter(None, each))
        for label, each in values.items()
        if not (label in OWN and len(records) > 1) and len(set(filter(None, each))) == 1
    }
    differing = [label for label, each in values.items() if label not in shared and any(each)]
    rows = [
        (record.name, [values[label][place] or ABSENT for label in differing]) for place, record in enumerate(records)
    ]
    return Reproduction(shared, differing, rows)


def _commit(record: RunRecord) -> str | None:
    commit = record.find("git", "sha")
    return f"{commit}, with uncommitted changes" if commit and record.find("git", "dirty") else commit
