"""Runs that differ in their seed alone: a summary of each configuration, and configurations compared seed by seed."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from skinexp.comparison.pairwise import ALPHA
from skinexp.comparison.swept_keys import Value, settings, swept_keys
from skinexp.core.number_format import limits_text, p_value_equation, three_decimals
from skinexp.evaluation import SeedComparison, SeedSummary, compare_seeds, holm, summarise_seeds
from skinexp.runs.run_outputs import RunOutputs


@dataclass(frozen=True)
class RepeatedConfiguration:
    """A configuration over its seeds.

    Attributes:
        name: the runs' name, without the seed.
        summary: of the test ROC-AUC.
        behind: the best configuration less this one, seed by seed; None for the best itself.
        p_holm: of that difference, adjusted for all comparisons; NaN if there is none.
    """

    name: str
    summary: SeedSummary
    behind: SeedComparison | None = None
    p_holm: float = math.nan

    @property
    def is_significant(self) -> bool:
        """Whether the best configuration is significantly better than this one."""
        return self.behind is not None and self.behind.low > 0 and self.p_holm < ALPHA


def repeated_configurations(records: Sequence[RunOutputs]) -> list[RepeatedConfiguration]:
    """Returns configurations over their seeds, the highest mean first; none if no configuration has two seeds."""
    areas = _areas(records)
    if not any(len(by_seed) > 1 for by_seed in areas.values()):
        return []
    summaries = {name: summarise_seeds(list(by_seed.values())) for name, by_seed in areas.items()}
    best, *others = sorted(summaries, key=lambda name: -summaries[name].mean)
    behind = [compare_seeds(areas[best], areas[name]) for name in others]
    adjusted = holm([comparison.p_value for comparison in behind])
    return [
        RepeatedConfiguration(best, summaries[best]),
        *(
            RepeatedConfiguration(name, summaries[name], comparison, float(p_holm))
            for name, comparison, p_holm in zip(others, behind, adjusted, strict=True)
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
        return [f"{first}, the highest; {second.name} shares too few seeds with it for a test."]
    adjusted = f", Holm-adjusted for {len(others)} comparisons" if len(others) > 1 else ""
    limits = limits_text(second.behind.low, second.behind.high)
    interval = f", 95 % CI {limits}" if limits else ""
    verdict = "significantly higher than" if second.is_significant else "not significantly different from"
    return [
        f"{first}, {verdict} that of {second.name} (mean difference between runs of the same seed "
        f"{three_decimals(second.behind.difference)}{interval}; "
        f"{p_value_equation(second.p_holm)}, paired t-test on {second.behind.seeds} seeds{adjusted})."
    ]


def _areas(records: Sequence[RunOutputs]) -> dict[str, dict[int, float]]:
    """Returns the test ROC-AUC of each seed by the name of its configuration."""
    groups: dict[str, dict[int, RunOutputs]] = {}
    for record in records:
        own, seed = settings(record), record.summary.seed
        if record.finished and record.fold is None and own and isinstance(seed, int) and not math.isnan(record.roc_auc):
            groups.setdefault(json.dumps(own, sort_keys=True), {})[seed] = record
    names = _names([next(iter(members.values())) for members in groups.values()])
    return {
        name: {seed: record.roc_auc for seed, record in members.items()}
        for name, members in zip(names, groups.values(), strict=True)
    }


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
    """Returns the run's overrides without its seed, or its model's name if none are left; on which images, at the end.

    It begins with the run's own name: that of the record may be numbered, and this one stands for several.
    """
    name = record.summary.name or record.name
    evaluated, model = record.summary.evaluates, record.summary.model
    overrides = (evaluated and evaluated.name) or name
    images = name.removeprefix(overrides)
    rest = re.sub(r"(^|[\s,])\+*seed=[^\s,]+", r"\1", overrides)
    rest = re.sub(r"([\s,])[\s,]+", r"\1", rest).strip(" ,")
    return f"{rest or (model and model.name) or overrides}{images}"
