"""Runs that differ in their seeds alone: a summary of each configuration, and all pairs of configurations compared."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from skinexp.comparison.pairwise import ALPHA
from skinexp.comparison.repetitions import RepeatedRun, Repetition, compare_configurations, repetition
from skinexp.comparison.swept_keys import Value, settings, swept_keys
from skinexp.core.number_format import counted, limits_text, p_value_equation, three_decimals
from skinexp.evaluation import SeedSummary, holm, summarise_seeds
from skinexp.evaluation.paired.configuration_test import ConfigurationTest
from skinexp.runs.run_outputs import RunOutputs


@dataclass(frozen=True)
class RepeatedConfiguration:
    """A configuration over its seeds.

    Attributes:
        name: the runs' name, without the seed.
        summary: of the test ROC-AUC.
        behind: the best configuration less this one, seed by seed; None for the best itself.
        p_holm: of that difference, adjusted for all pairs of configurations, because the best one was picked by the
            same images and seeds; NaN if there is none.
        tested: how many pairs of configurations were tested.
    """

    name: str
    summary: SeedSummary
    behind: ConfigurationTest | None = None
    p_holm: float = math.nan
    tested: int = 0

    @property
    def is_significant(self) -> bool:
        """Whether the best configuration is significantly better than this one."""
        return self.behind is not None and self.behind.low > 0 and self.p_holm < ALPHA


def repeated_configurations(records: Sequence[RunOutputs]) -> list[RepeatedConfiguration]:
    """Returns configurations over their seeds, the highest mean first; none if no configuration has two seeds."""
    runs = _runs(records)
    if not any(len(by_seed) > 1 for by_seed in runs.values()):
        return []
    summaries = {
        name: summarise_seeds([run.record.roc_auc for run in by_seed.values()]) for name, by_seed in runs.items()
    }
    best, *others = ranked = sorted(summaries, key=lambda name: -summaries[name].mean)
    pairs = {(a, b): compare_configurations(runs[a], runs[b]) for a, b in combinations(ranked, 2)}
    adjusted = dict(zip(pairs, holm([found.p_value for found in pairs.values()]).tolist(), strict=True))
    tested = sum(not math.isnan(found.p_value) for found in pairs.values())
    return [
        RepeatedConfiguration(best, summaries[best]),
        *(
            RepeatedConfiguration(name, summaries[name], pairs[best, name], adjusted[best, name], tested)
            for name in others
        ),
    ]


def seed_sentences(repeated: Sequence[RepeatedConfiguration]) -> list[str]:
    """Returns what seeds show of the best configuration, in sentences; none if no configuration was repeated."""
    if not repeated:
        return []
    best, *others = repeated
    mean, deviation, seeds = best.summary
    first = f"Over {seeds} seeds, {best.name} has a mean test ROC-AUC of {three_decimals(mean)}"
    first += "" if math.isnan(deviation) else f" (standard deviation {three_decimals(deviation)})"
    if not others:
        return [f"{first}."]
    second = others[0]
    if second.behind is None or math.isnan(second.behind.p_value):
        why = second.behind.test.removeprefix("none: ") if second.behind else ""
        return [f"{first}, the highest; its difference from {second.name} was not tested: {why}."]
    adjusted = f", Holm-adjusted for {counted(second.tested, 'pair')} of configurations" if second.tested > 1 else ""
    limits = limits_text(second.behind.low, second.behind.high)
    interval = f", 95 % CI {limits}" if limits else ""
    verdict = "significantly higher than" if second.is_significant else "not significantly different from"
    return [
        f"{first}, {verdict} that of {second.name} (mean difference between runs of the same seed "
        f"{three_decimals(second.behind.difference)}{interval}; "
        f"{p_value_equation(second.p_holm)}, {second.behind.test}, {second.behind.seeds} seeds{adjusted})."
    ]


def _runs(records: Sequence[RunOutputs]) -> dict[str, dict[Repetition, RepeatedRun]]:
    """Returns the run of each seed by the name of its configuration."""
    groups: dict[str, dict[Repetition, RepeatedRun]] = {}
    for record in records:
        own, seeds = settings(record), repetition(record)
        if record.finished and record.fold is None and own and seeds and not math.isnan(record.roc_auc):
            groups.setdefault(json.dumps(own, sort_keys=True), {})[seeds] = RepeatedRun(record)
    names = _names([next(iter(members.values())).record for members in groups.values()])
    return dict(zip(names, groups.values(), strict=True))


def _names(records: Sequence[RunOutputs]) -> list[str]:
    """Returns a name for each configuration; equal names are followed by the settings in which they differ."""
    alike: dict[str, list[RunOutputs]] = {}
    for record in records:
        alike.setdefault(_name(record), []).append(record)
    names: list[str] = []
    for record in records:
        name, number = _name(record), 1
        described = distinct = f"{name} {_own(record, alike[name])}".strip() if len(alike[name]) > 1 else name
        while distinct in names:
            number += 1
            distinct = f"{described} ({number})"
        names.append(distinct)
    return names


def _own(record: RunOutputs, others: Sequence[RunOutputs]) -> str:
    """Returns the settings in which a run's configuration differs from others, each as a command line has it."""
    known = [settings(other) for other in others]
    chosen = list(swept_keys(others))
    if len({tuple(one.get(key) for key in chosen) for one in known}) < len(known):  # they lack each other's keys
        every = dict.fromkeys(key for one in known for key in one)
        chosen = [key for key in every if len({json.dumps(one.get(key, "absent")) for one in known}) > 1]
    own = settings(record)
    return " ".join(f"{key}={_typed(own[key])}" for key in chosen if key in own)


def _typed(value: Value) -> str:
    """Returns a value with all its digits, as a command line has it."""
    return value if isinstance(value, str) else json.dumps(value)


def _name(record: RunOutputs) -> str:
    """Returns the run's overrides without its seeds, or its model's name if none are left; on which images, at the end.

    It begins with the run's own name: that of the record may be numbered, and this one stands for several.
    """
    name = record.summary.name or record.name
    evaluated, model = record.summary.evaluates, record.summary.model
    overrides = (evaluated and evaluated.name) or name
    images = name.removeprefix(overrides)
    rest = re.sub(r"(^|[\s,])\+*(data\.split\.)?seed=[^\s,]+", r"\1", overrides)
    rest = re.sub(r"([\s,])[\s,]+", r"\1", rest).strip(" ,")
    return f"{rest or (model and model.name) or overrides}{images}"
