"""Runs that differ in their seed alone: one line a configuration, and configurations compared seed by seed."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from skinexp.evaluation import SeedComparison, SeedSummary, compare_seeds, holm, summarise_seeds
from skinexp.report.records import RunRecord
from skinexp.report.varied import settings
from skinexp.report.words import ABSENT, chance, three_decimals


@dataclass(frozen=True)
class Repetition:
    """A configuration over its seeds.

    Attributes:
        name: the runs' name, without the seed.
        summary: of the test ROC-AUC.
        behind: the best configuration less this one, seed by seed; None for the best itself.
        p_holm: of that difference, corrected over all configurations; NaN where there is none.
    """

    name: str
    summary: SeedSummary
    behind: SeedComparison | None = None
    p_holm: float = math.nan

    @property
    def spread(self) -> str:
        """Mean and standard deviation, in words."""
        mean, deviation, _ = self.summary
        return three_decimals(mean) + ("" if math.isnan(deviation) else f" ± {three_decimals(deviation)}")

    @property
    def difference(self) -> str:
        """How far it is behind the best, in words."""
        return three_decimals(self.behind.difference) if self.behind else ""

    @property
    def limits(self) -> str:
        """Where that difference may lie, in words."""
        if self.behind is None or math.isnan(self.behind.low):
            return ""
        return f"{three_decimals(self.behind.low)} to {three_decimals(self.behind.high)}"

    @property
    def p_value(self) -> str:
        """The chance of such a difference, in words."""
        return "" if self.behind is None else chance(self.p_holm)


def repetitions(records: Sequence[RunRecord]) -> list[Repetition]:
    """Configurations over their seeds, that with the highest mean first; none where no configuration has two seeds."""
    areas = _areas(records)
    if not any(len(by_seed) > 1 for by_seed in areas.values()):
        return []
    summaries = {name: summarise_seeds(list(by_seed.values())) for name, by_seed in areas.items()}
    best, *others = sorted(summaries, key=lambda name: -summaries[name].mean)
    behind = [compare_seeds(areas[best], areas[name]) for name in others]
    corrected = holm([comparison.p_value for comparison in behind])
    return [
        Repetition(best, summaries[best]),
        *(
            Repetition(name, summaries[name], comparison, float(p_holm))
            for name, comparison, p_holm in zip(others, behind, corrected, strict=True)
        ),
    ]


def sentence(repeated: Sequence[Repetition]) -> list[str]:
    """What seeds say of the best configuration; nothing where none was repeated."""
    if not repeated:
        return []
    best, *others = repeated
    mean, deviation, seeds = best.summary
    first = f"Over {seeds} seeds {best.name} has a mean test ROC-AUC of {three_decimals(mean)}"
    first += "" if math.isnan(deviation) else f" (standard deviation {three_decimals(deviation)})"
    if not others:
        return [f"{first}."]
    second = others[0]
    if second.behind is None or math.isnan(second.behind.low):
        return [f"{first}, the highest; {second.name} shares too few seeds with it to be compared."]
    corrected = f", Holm-corrected over {len(others)} comparisons" if len(others) > 1 else ""
    told_apart = second.behind.low > 0 and second.p_holm < 0.05
    verdict = "above" if told_apart else "not told apart from"
    return [
        f"{first}, {verdict} {second.name}: seed by seed the difference is {second.difference} ({second.limits}), "
        f"p {_equal(second.p_value)} (t-test of {second.behind.seeds} pairs of seeds{corrected})."
    ]


def _equal(p_value: str) -> str:
    return p_value if p_value.startswith("<") or p_value == ABSENT else f"= {p_value}"


def _areas(records: Sequence[RunRecord]) -> dict[str, dict[int, float]]:
    """The area of each seed by the name of its configuration."""
    groups: dict[str, dict[int, RunRecord]] = {}
    for record in records:
        own, seed = settings(record), record.find("config", "seed")
        if record.finished and record.fold is None and own and isinstance(seed, int) and not math.isnan(record.roc_auc):
            groups.setdefault(json.dumps(own), {})[seed] = record
    named: dict[str, dict[int, float]] = {}
    for members in groups.values():
        name, number = _name(next(iter(members.values()))), 1
        distinct = name
        while distinct in named:
            number += 1
            distinct = f"{name} ({number})"
        named[distinct] = {seed: record.roc_auc for seed, record in members.items()}
    return named


def _name(record: RunRecord) -> str:
    """The run's overrides without its seed; where that leaves nothing, the name of its model."""
    rest = re.sub(r"(^|[\s,])\+*seed=[^\s,]+", r"\1", record.name)
    rest = re.sub(r"([\s,])[\s,]+", r"\1", rest).strip(" ,")
    return rest or str(record.find("model", "name") or record.name)
