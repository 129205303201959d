"""Runs that differ in their seed alone: one line a configuration, and configurations compared seed by seed."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from skinexp.comparison.swept_keys import Value, settings, varied
from skinexp.core.number_format import ABSENT, chance, three_decimals
from skinexp.evaluation import SeedComparison, SeedSummary, compare_seeds, holm, summarise_seeds
from skinexp.runs.run_summary import RunRecord


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
            groups.setdefault(json.dumps(own, sort_keys=True), {})[seed] = record
    names = _names([next(iter(members.values())) for members in groups.values()])
    return {
        name: {seed: record.roc_auc for seed, record in members.items()}
        for name, members in zip(names, groups.values(), strict=True)
    }


def _names(records: Sequence[RunRecord]) -> list[str]:
    """A name for each configuration; those of one name are followed by the settings in which they differ."""
    alike: dict[str, list[RunRecord]] = {}
    for record in records:
        alike.setdefault(_name(record), []).append(record)
    names: list[str] = []
    for record in records:
        name, number = _name(record), 1
        told = distinct = f"{name} {_own(record, alike[name])}".strip() if len(alike[name]) > 1 else name
        while distinct in names:
            number += 1
            distinct = f"{told} ({number})"
        names.append(distinct)
    return names


def _own(record: RunRecord, others: Sequence[RunRecord]) -> str:
    """The settings that tell a run's configuration from those of others, each as a command line has it."""
    known = [settings(other) for other in others]
    chosen = list(varied(others))
    if len({tuple(one.get(key) for key in chosen) for one in known}) < len(known):  # they lack each other's keys
        every = dict.fromkeys(key for one in known for key in one)
        chosen = [key for key in every if len({json.dumps(one.get(key, "absent")) for one in known}) > 1]
    own = settings(record)
    return " ".join(f"{key}={_typed(own[key])}" for key in chosen if key in own)


def _typed(value: Value) -> str:
    """A value with all its digits, as a command line has it."""
    return value if isinstance(value, str) else json.dumps(value)


def _name(record: RunRecord) -> str:
    """The run's overrides without its seed, or the name of its model where none are left; on which images, at the end.

    It begins with the run's own name: that of the record may be numbered, and this one stands for several.
    """
    name = str(record.find("name") or record.name)
    overrides = str(record.find("evaluates", "name") or name)
    images = name.removeprefix(overrides)
    rest = re.sub(r"(^|[\s,])\+*seed=[^\s,]+", r"\1", overrides)
    rest = re.sub(r"([\s,])[\s,]+", r"\1", rest).strip(" ,")
    return f"{rest or record.find('model', 'name') or overrides}{images}"
