"""Runs that are folds of one cross-validation, pooled: a configuration becomes one row, tested on all images once."""

import json
import math
import re
import warnings
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from skinexp.comparison.decisions import is_calibrated, with_answers
from skinexp.comparison.swept_keys import settings
from skinexp.core.digest import digest
from skinexp.core.number_format import ABSENT, three_decimals
from skinexp.evaluation.folds import fold_scores, pool_folds
from skinexp.evaluation.options import EvaluationOptions
from skinexp.evaluation.scores_with_intervals import scores_with_intervals
from skinexp.runs.health_summary import VERDICTS
from skinexp.runs.run_summary import RunRecord

KEY = "data.split.fold"
RESAMPLES = 1_000  # of the images of all folds, which are many


@dataclass(frozen=True)
class Pooled:
    """Records after pooling.

    Attributes:
        records: one for each configuration whose folds are all there, in place of them; the others as they were.
        folds: the records that were pooled, by the name of their configuration.
        refusals: why folds were not pooled, in sentences.
    """

    records: list[RunRecord]
    folds: dict[str, list[RunRecord]]
    refusals: list[str]

    @property
    def sentences(self) -> list[str]:
        """What a reader must know of each pooled configuration, and of those that were not."""
        return [_spread(record) for record in self.records if record.name in self.folds] + self.refusals


@dataclass(frozen=True)
class FoldLine:
    """The test ROC-AUC of each fold of a configuration, in words, and their mean with its standard deviation."""

    name: str
    areas: list[str]
    spread: str


def lines(pooled: Pooled) -> list[FoldLine]:
    """What the page shows of the folds that were pooled."""
    found = {record.name: record for record in pooled.records}
    return [
        FoldLine(
            name,
            [three_decimals(record.roc_auc) for record in sorted(members, key=lambda record: record.fold or 0)],
            _mean_and_deviation(found[name]),
        )
        for name, members in pooled.folds.items()
    ]


def pool(records: Sequence[RunRecord]) -> Pooled:
    """Pools the folds of each configuration; records that are no folds pass.

    Nothing is refused as a whole: where a fold failed, is missing, is there twice or tested images of another one, its
    configuration's runs stay as they are, and a sentence says why.
    """
    groups: dict[str, list[RunRecord]] = {}
    for number, record in enumerate(records):
        key = f"alone {number}" if record.fold is None else _configuration(record)
        groups.setdefault(key, []).append(record)
    pooled = Pooled([], {}, [])
    taken: set[str] = set()
    for members in groups.values():
        if members[0].fold is None:
            pooled.records.extend(members)
            continue
        name = _distinct(_name(members[0]), taken)
        try:
            pooled.records.append(_pool(name, members))
            pooled.folds[name] = members
        except ValueError as error:
            pooled.records.extend(members)
            pooled.refusals.append(f"{name}: its folds were not pooled. {error}.")
    return pooled


def judged(record: RunRecord) -> RunRecord:
    """A pooled record with what its predictions show: each score with its interval, and the tables of its figures.

    Other records pass.

    Groups are drawn from all folds together. Networks are taken as they are: training them again would add to it.
    """
    table = record.predictions
    if table is None or record.find("folds") is None:
        return record
    test = table.drop(columns="fold")
    prevalence = record.number("config", "evaluate", "prevalence")
    options = EvaluationOptions(prevalence=None if math.isnan(prevalence) else prevalence, resamples=RESAMPLES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is undefined is shown as such
        found = scores_with_intervals(test, is_calibrated(test), options)
    metrics = {name: value for name, value in found.metrics.items() if name not in record.metrics}
    result = {**record.result, "metrics": record.metrics | metrics}
    return replace(record, result=result, evidence=found.tables)


def _configuration(record: RunRecord) -> str:
    """What all folds of a cross-validation have in common, the seed included."""
    own = {key: value for key, value in settings(record).items() if key != KEY}
    return json.dumps([own, record.find("config", "seed")])


def _name(record: RunRecord) -> str:
    """The run's overrides without the fold's; where that leaves nothing, all overrides of its command without it."""
    for words in (record.name, " ".join(map(str, record.find("overrides") or ()))):
        if rest := " ".join(re.sub(rf"(^|\s)\+*{re.escape(KEY)}=\S+", " ", words).split()):
            return rest
    return str(record.find("model", "name") or record.name)


def _distinct(name: str, taken: set[str]) -> str:
    number, distinct = 1, name
    while distinct in taken:
        number += 1
        distinct = f"{name} ({number})"
    taken.add(distinct)
    return distinct


def _pool(name: str, members: Sequence[RunRecord]) -> RunRecord:
    """One record for all folds.

    Raises:
        ValueError: where they do not make up a whole; the message is a sentence.
    """
    by_fold = _whole(members)
    tables = {fold: table for fold, record in by_fold.items() if (table := with_answers(record)) is not None}
    table = pool_folds(tables)
    thresholds = {fold: record.number("thresholds", "youden") for fold, record in by_fold.items()}
    first = by_fold[0]
    result: dict[str, Any] = {
        "name": name,
        "status": "finished",
        "model": first.find("model"),
        "config": _without_fold(first.find("config")),
        "data_digest": first.find("data_digest"),
        "test_digest": digest(sorted(table["image_id"])),
        "data": _data(by_fold),
        "git": first.find("git"),
        "command": first.find("command"),
        "parent_run_id": first.find("parent_run_id"),
        "health": _gravest(by_fold),
        "seconds": {"total": sum(record.number("seconds", "total") for record in by_fold.values())},
        "folds": len(by_fold),
        "metrics": fold_scores(table, thresholds) | _validation(by_fold),
    }
    return RunRecord(name, "finished", Path(first.directory).parent, result, predictions=table)


def _whole(members: Sequence[RunRecord]) -> dict[int, RunRecord]:
    """Folds in order; each there once, finished, and with its predictions."""
    count = int(members[0].find("config", "data", "split", "folds"))
    finished = [record for record in members if record.finished]
    numbers = [int(record.fold or 0) for record in finished]
    if twice := sorted({number for number in numbers if numbers.count(number) > 1}):
        raise ValueError(f"{_listed(twice)} of {count} {_are(twice)} there more than once")
    if missing := [number for number in range(count) if number not in numbers]:
        ended = {record.fold: record.status for record in members if not record.finished}
        became = [f"fold {number} {ended[number]}" for number in missing if number in ended]
        why = f" ({', '.join(became)})" if became else ""
        raise ValueError(f"{_listed(missing)} of {count} {_are(missing)} missing{why}")
    if len({record.find("data_digest") for record in finished}) > 1:
        raise ValueError("They are folds of different images: the data has changed between them")
    by_fold = {int(record.fold or 0): record for record in finished}
    if without := [number for number, record in sorted(by_fold.items()) if record.predictions is None]:
        raise ValueError(f"{_listed(without)} of {count} left no predictions")
    return dict(sorted(by_fold.items()))


def _listed(numbers: Sequence[int]) -> str:
    *first, last = map(str, numbers)
    return f"Folds {', '.join(first)} and {last}" if first else f"Fold {last}"


def _are(numbers: Sequence[int]) -> str:
    return "is" if len(numbers) == 1 else "are"


def _without_fold(config: Any) -> Any:
    rest = deepcopy(config)
    rest["data"]["split"].pop("fold")
    return rest


def _data(by_fold: Mapping[int, RunRecord]) -> Any:
    """What is said of the images: each is tested once, so that only the test part has numbers of its own."""
    told = deepcopy(by_fold[0].find("data"))
    parts = [record.find("data", "counts", "test") for record in by_fold.values()]
    if isinstance(told, dict) and all(parts):
        told["counts"] = {"test": {name: sum(part[name] for part in parts) for name in parts[0]}}
    return told


def _gravest(by_fold: Mapping[int, RunRecord]) -> Any:
    """What the doctor said of the fold that is worst off."""
    seen = [record for record in by_fold.values() if record.health is not None]
    if not seen:
        return None
    order = {word: number for number, word in enumerate(VERDICTS)}
    worst = max(seen, key=lambda record: order.get(record.find("health", "verdict"), -1))
    told = dict(worst.find("health"))
    return told | {"sentence": f"Fold {worst.fold}, which is worst off: {told.get('sentence') or told['verdict']}"}


def _validation(by_fold: Mapping[int, RunRecord]) -> dict[str, float]:
    """Means over folds: their validation images overlap, so that they cannot be pooled."""
    names = [name for name in by_fold[0].metrics if name.startswith(("val/", "threshold/"))]
    return {name: sum(record.metric(name) for record in by_fold.values()) / len(by_fold) for name in names}


def _spread(record: RunRecord) -> str:
    folds, images = record.find("folds"), sum(record.test_images)
    return (
        f"{record.name} was cross-validated: {images:,} images, each tested once by one of {folds} networks that had "
        f"not seen it, have a ROC-AUC of {three_decimals(record.roc_auc)}; fold by fold it is "
        f"{_mean_and_deviation(record)} (mean and standard deviation)."
    )


def _mean_and_deviation(record: RunRecord) -> str:
    mean, deviation = (record.metric(f"test/roc_auc_{end}") for end in ("mean", "sd"))
    return ABSENT if math.isnan(mean) else f"{mean:.3f} ± {deviation:.3f}"
