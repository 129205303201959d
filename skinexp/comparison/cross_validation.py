"""Folds of a cross-validation, pooled: each configuration becomes one run that was tested once on every image."""

import json
import math
import re
import warnings
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from skinexp.comparison.decisions import PREVALENCE, RISK_THRESHOLD, is_calibrated, sampling_of, with_calibrated
from skinexp.comparison.swept_keys import settings
from skinexp.core.number_format import ABSENT, three_decimals
from skinexp.data.card_content import CardContent
from skinexp.data.characteristics import ALL
from skinexp.evaluation.folds import fold_scores, pool_folds
from skinexp.evaluation.options import EvaluationOptions
from skinexp.evaluation.paired.alignment import test_set_digest
from skinexp.evaluation.scores_with_intervals import scores_with_intervals
from skinexp.runs.health_summary import HealthSummary
from skinexp.runs.run_outputs import RunOutputs
from skinexp.runs.run_summary import DataSummary, RunSummary

KEY = "data.split.fold"
RESAMPLES = 1_000  # of the images of all folds, which are many


@dataclass(frozen=True)
class PooledFolds:
    """The runs of a comparison after pooling.

    Attributes:
        records: one for each configuration with all of its folds, in their place; the others as they were.
        folds: the records that were pooled, by the name of their configuration.
        refusals: sentences that say why folds were not pooled.
    """

    records: list[RunOutputs]
    folds: dict[str, list[RunOutputs]]
    refusals: list[str]

    @property
    def sentences(self) -> list[str]:
        """Sentences on each configuration: the spread over its folds, or why they were not pooled."""
        return [_fold_sentence(record) for record in self.records if record.name in self.folds] + self.refusals


def pool(records: Sequence[RunOutputs]) -> PooledFolds:
    """Pools the folds of each configuration; records that are no folds pass.

    If a fold failed, is missing, occurs twice or shares images with another one, its configuration's runs stay as they
    are, and a sentence says why.
    """
    groups: dict[str, list[RunOutputs]] = {}
    for number, record in enumerate(records):
        key = f"alone {number}" if record.fold is None else _configuration(record)
        groups.setdefault(key, []).append(record)
    pooled = PooledFolds([], {}, [])
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


def with_pooled_scores(record: RunOutputs) -> RunOutputs:
    """Returns a pooled run with each score's interval and the tables of its figures; other runs as they are.

    Groups are drawn from each fold by itself. Intervals do not include the variation of training the networks again.
    """
    table = record.predictions
    if table is None or record.pooled_folds is None:
        return record
    stated = record.summary.setting
    options = EvaluationOptions(
        stated("evaluate.threshold") or EvaluationOptions.threshold,
        prevalence=stated(PREVALENCE),
        resamples=RESAMPLES,
        risk_threshold=stated(RISK_THRESHOLD),
        sampling=sampling_of([record]),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is undefined is shown as such
        found = scores_with_intervals(table, is_calibrated(table), options)
    metrics = {name: value for name, value in found.metrics.items() if name not in record.metrics}
    summary = replace(record.summary, metrics=record.metrics | metrics)
    return replace(record, summary=summary, evidence=found.tables)


def _configuration(record: RunOutputs) -> str:
    """Returns what all folds of a cross-validation have in common, the seeds included."""
    own = {key: value for key, value in settings(record).items() if key != KEY}
    return json.dumps([own, record.summary.seed, record.summary.split_seed])


def _name(record: RunOutputs) -> str:
    """Returns the run's overrides without the fold's; if none are left, those of its command without it."""
    for words in (record.name, " ".join(record.summary.overrides)):
        if rest := " ".join(re.sub(rf"(^|\s)\+*{re.escape(KEY)}=\S+", " ", words).split()):
            return rest
    return (record.summary.model and record.summary.model.name) or record.name


def _distinct(name: str, taken: set[str]) -> str:
    number, distinct = 1, name
    while distinct in taken:
        number += 1
        distinct = f"{name} ({number})"
    taken.add(distinct)
    return distinct


def _pool(name: str, members: Sequence[RunOutputs]) -> RunOutputs:
    """Returns one run for all folds.

    Raises:
        ValueError: if they are not one complete cross-validation; the message is a sentence.
    """
    by_fold = _complete(members)
    tables = {fold: table for fold, record in by_fold.items() if (table := with_calibrated(record)) is not None}
    table = pool_folds(tables)
    thresholds = {fold: record.summary.thresholds.youden for fold, record in by_fold.items()}
    first = by_fold[0].summary
    summary = RunSummary(
        status="finished",
        name=name,
        model=first.model,
        config=_without_fold(first.config),
        compute=first.compute,
        data_digest=first.data_digest,
        test_digest=test_set_digest(table),
        data=_data(by_fold),
        git=first.git,
        command=first.command,
        parent_run_id=first.parent_run_id,
        health=_worst_health(by_fold),
        seconds={"total": sum(record.summary.total_seconds for record in by_fold.values())},
        metrics=fold_scores(table, thresholds) | _validation(by_fold),
    )
    directory, card = by_fold[0].directory.parent, _card(by_fold[0])
    return RunOutputs(name, directory, summary, predictions=table, pooled_folds=len(by_fold), card=card)


def _complete(members: Sequence[RunOutputs]) -> dict[int, RunOutputs]:
    """Returns folds in order; each occurs once, is finished, and has its predictions."""
    count = int(members[0].summary.folds or 0)
    finished = [record for record in members if record.finished]
    numbers = [int(record.fold or 0) for record in finished]
    if twice := sorted({number for number in numbers if numbers.count(number) > 1}):
        raise ValueError(f"{_listed(twice)} of {count} {_are(twice)} present more than once")
    if missing := [number for number in range(count) if number not in numbers]:
        ended = {record.fold: record.status for record in members if not record.finished}
        became = [f"fold {number} {ended[number]}" for number in missing if number in ended]
        why = f" ({', '.join(became)})" if became else ""
        raise ValueError(f"{_listed(missing)} of {count} {_are(missing)} missing{why}")
    if len({record.summary.data_digest for record in finished}) > 1:
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


def _data(by_fold: Mapping[int, RunOutputs]) -> DataSummary | None:
    """Returns the description of the images: each is tested once, so that only the test part has counts."""
    data = by_fold[0].summary.data
    parts = [record.summary.data.counts.get("test") for record in by_fold.values() if record.summary.data]
    known = [part for part in parts if part]
    if data is None or len(known) < len(by_fold):
        return data
    return replace(data, counts={"test": {name: sum(part[name] for part in known) for name in known[0]}})


def _card(fold: RunOutputs) -> CardContent | None:
    """Returns the data card of all folds: their images are the same, and their splits are not."""
    if fold.card is None:
        return None
    whole = [replace(row, values={ALL: row.values[ALL]} if ALL in row.values else {}) for row in fold.card.table_1]
    return replace(fold.card, table_1=whole)


def _worst_health(by_fold: Mapping[int, RunOutputs]) -> HealthSummary | None:
    """Returns the doctor's findings on the fold with the worst verdict."""
    examined = [(record.fold, record.health) for record in by_fold.values() if record.health is not None]
    if not examined:
        return None
    fold, health = max(examined, key=lambda found: found[1].severity)
    return replace(health, sentence=f"Worst fold ({fold}): {health.sentence or health.verdict}")


def _validation(by_fold: Mapping[int, RunOutputs]) -> dict[str, float]:
    """Returns means over folds: their validation images overlap, so that they cannot be pooled."""
    names = [name for name in by_fold[0].metrics if name.startswith(("val/", "threshold/"))]
    return {name: sum(record.metric(name) for record in by_fold.values()) / len(by_fold) for name in names}


def _fold_sentence(record: RunOutputs) -> str:
    folds, images = record.pooled_folds, sum(record.test_images)
    return (
        f"{record.name} was cross-validated on {images:,} images, each tested once by one of {folds} networks that was "
        f"not trained on it: its ROC-AUC is the mean of its folds, {mean_and_deviation(record)} (mean ± standard "
        "deviation). Logits of different networks are not compared."
    )


def mean_and_deviation(record: RunOutputs) -> str:
    """Returns the mean and the standard deviation of the test ROC-AUC over the folds of a pooled run."""
    mean, deviation = (record.metric(f"test/roc_auc_{end}") for end in ("mean", "sd"))
    return ABSENT if math.isnan(mean) else f"{three_decimals(mean)} ± {three_decimals(deviation)}"
