"""Where runs come from: the data that they used, and what it takes to repeat them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from skinexp.core.number_format import ABSENT, listing, whole
from skinexp.data.card_content import CardContent
from skinexp.runs.provenance import GitState
from skinexp.runs.run_outputs import RunOutputs
from skinexp.runs.run_summary import DataSummary

OWN = ("Command", "Run id", "Configuration digest")  # of each run, if there are several


@dataclass(frozen=True)
class DatasetSummary:
    """The data that some runs used.

    Attributes:
        runs: names of the runs.
        sentences: how many images there are, which were left out, and how they were split.
        facts: topic -> sentence: what the runs said of files, labels, groups and leaks.
        counts: images by split and class.
        card: the numbers and fields of the data card; None if the runs left none.
    """

    runs: list[str]
    sentences: list[str]
    facts: Mapping[str, str]
    counts: Mapping[str, Mapping[str, int]]
    card: CardContent | None = None


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


def data_name(record: RunOutputs) -> str | None:
    """Returns what readers call the data: the name of its directory or of its place on the hub, if it has one."""
    path, source = record.summary.setting("data.path"), record.summary.setting("data.name")
    if not path:
        return (record.summary.data and record.summary.data.name) or source
    return path if source == "hub" and not Path(path).is_absolute() else Path(path).name


def dataset_summaries(finished: Sequence[RunOutputs]) -> list[DatasetSummary]:
    """Describes the data that runs used, once for all runs that used the same."""
    users: dict[str, list[RunOutputs]] = {}
    for record in finished:
        if (data := record.summary.data) is not None:
            card = record.card and asdict(record.card)
            facts = [asdict(data), record.summary.data_digest, record.summary.test_digest, record.evaluates, card]
            users.setdefault(json.dumps(facts, sort_keys=True, default=str), []).append(record)
    return [_dataset_summary(sharing) for sharing in users.values()]


def _dataset_summary(sharing: Sequence[RunOutputs]) -> DatasetSummary:
    data = sharing[0].summary.data or DataSummary()
    return DatasetSummary(
        [record.name for record in sharing],
        _data_sentences(sharing[0], data) + _shift_sentences(sharing),
        data.facts,
        {part: of for part, of in data.counts.items() if any(of.values())},
        sharing[0].card,
    )


def _data_sentences(record: RunOutputs, data: DataSummary) -> list[str]:
    """Says how many images there are, which were left out, and which had to stay together."""
    name, group = data_name(record) or "an unnamed data set", data.grouped_by
    sentences = [f"Images of {name}." if data.images is None else f"{whole(data.images)} images of {name}."]
    if data.excluded:
        counts = ", ".join(f"{count:,} {label}" for label, count in data.excluded.items())
        sentences.append(f"Excluded classes: {counts}.")
    else:
        sentences.append("No class was excluded.")
    if data.bad_images:
        sentences.append(f"Excluded because they cannot be read: {whole(data.bad_images)} images.")
    if record.pooled_folds:
        sentences.append(f"The images were split into {record.pooled_folds} folds; each image was tested once.")
    if record.evaluates:
        sentences.append("All images were tested; none was used for training here.")
        if group:
            sentences.append(f'Intervals treat images with the same "{group}" as one case.')
    elif "Groups" in data.facts:
        pass
    elif group:
        sentences.append(f'Images with the same "{group}" are in the same split.')
    else:
        sentences.append(
            "The images were split individually: images of one lesion may be in both the training and the test part."
        )
    return sentences


def _shift_sentences(sharing: Sequence[RunOutputs]) -> list[str]:
    """Returns what external validations found: how far these images are from each network's training images."""
    found: dict[str, list[str]] = {}
    for record in sharing:
        if record.evaluates and (sentences := record.summary.sentences):
            found.setdefault(" ".join(sentences), []).append(record.name)
    everyone = [record.name for record in sharing]
    return [text if names == everyone else f"{listing(names)}: {text}" for text, names in found.items()]


def reproduction(records: Sequence[RunOutputs]) -> Reproduction:
    """Collects what it takes to repeat the runs: each run's own, and what all runs that recorded it share."""
    read: dict[str, Callable[[RunOutputs], str | None]] = {
        "Command": lambda record: record.summary.command,
        "Run id": lambda record: record.summary.run_id,
        "Configuration digest": lambda record: record.summary.config_digest,
        "Data digest": lambda record: record.summary.data_digest,
        "Test images digest": lambda record: record.summary.test_digest,
        "Code (git commit)": _commit,
        "Parent run id": lambda record: record.summary.parent_run_id,
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


def _commit(record: RunOutputs) -> str | None:
    git = record.summary.git or GitState()
    return f"{git.sha}, with uncommitted changes" if git.sha and git.dirty else git.sha
