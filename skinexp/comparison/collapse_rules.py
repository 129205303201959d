"""Settings that the collapsed runs of a sweep share and its healthy runs lack, found as rules.

A rule is one condition on a key, or two on different keys. The best rule for the runs that collapsed from one cause is
the one that holds for most of them and for fewest of the runs that did not collapse; of equal ones, the simplest.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from skinexp.comparison.swept_keys import Value, is_number, settings, swept_keys, value_text
from skinexp.runs.run_outputs import RunOutputs

SEPARATES = 0.75  # share of the affected runs that a rule must hold for, beyond its share of the healthy ones
SECOND_CONDITION = 0.1  # what it must add to that
PROBE_MARGIN = 0.1  # test AUC by which a probe must be ahead of the head: twice the error of a difference on 250 images
ALIKE = 0.999  # cosine above which all images have the same features

Members = NDArray[np.bool_]  # for each of some runs, whether it is one of those meant


@dataclass(frozen=True)
class CollapseExplanation:
    """A paragraph on one cause of collapse, and the override that cures it, if the doctor knows one."""

    text: str
    cure: str | None = None


@dataclass(frozen=True, eq=False)
class Condition:
    """The condition that a key has one of some values."""

    key: str
    words: str
    values: frozenset[Value]
    members: Members
    is_value: bool  # one value; else all values above, below, or but one


@dataclass(frozen=True, eq=False)
class Rule:
    """One condition, or two: the first is the affected subject, the last the harmful setting."""

    conditions: tuple[Condition, ...]

    @property
    def members(self) -> Members:
        return np.logical_and.reduce([condition.members for condition in self.conditions])

    @property
    def keys(self) -> set[str]:
        return {condition.key for condition in self.conditions}

    @property
    def words(self) -> str:
        return " and ".join(condition.words for condition in self.conditions)


def explain_collapses(records: Sequence[RunOutputs]) -> list[CollapseExplanation]:
    """Finds what separates the collapsed runs from the others: one explanation per cause, the most frequent first.

    Returns:
        An empty list if no doctor examined the runs, or if they do not differ in any key.
    """
    examined = [record for record in records if record.health and settings(record)]
    keys = swept_keys(examined)
    if not keys:
        return []
    healthy = [record for record in examined if not record.collapsed]
    collapsed = [record for record in examined if record.collapsed]
    if not collapsed:
        return [CollapseExplanation(f"None of the {len(examined)} examined runs has collapsed.")]
    if not healthy:
        return [
            CollapseExplanation(
                f"All {len(examined)} examined runs have collapsed, so the collapse cannot be attributed to a setting."
            )
        ]
    explanations = []
    for cause, _ in Counter(map(_cause, collapsed)).most_common():
        sick = [record for record in collapsed if _cause(record) == cause]
        explanations.append(_explanation(cause, sick, healthy, keys))
    return explanations


def _cause(record: RunOutputs) -> str:
    return (record.health and record.health.cause_words) or "cause unknown"


# --- rules ------------------------------------------------------------------------------------------------------------


def _conditions(runs: Sequence[RunOutputs], keys: Mapping[str, list[Value]]) -> list[Condition]:
    """All conditions on these keys and their values."""
    own = [settings(record) for record in runs]

    def condition(key: str, words: str, values: Iterable[Value], is_value: bool = False) -> Condition:
        chosen = frozenset(values)
        return Condition(key, f"{key}{words}", chosen, np.array([run[key] in chosen for run in own]), is_value)

    conditions = []
    for key, values in keys.items():
        conditions += [condition(key, f"={value_text(value)}", [value], is_value=True) for value in values]
        inner = range(1, len(values) - 1)  # beyond the others there is one value alone, or all
        if all(map(is_number, values)):
            conditions += [condition(key, f"≥{value_text(values[n])}", values[n:]) for n in inner]
            conditions += [condition(key, f"≤{value_text(values[n])}", values[: n + 1]) for n in inner]
        elif len(values) > 2:
            conditions += [condition(key, f"≠{value_text(one)}", {*values} - {one}) for one in values]
    return conditions


def _rules(conditions: Sequence[Condition], cure: str | None) -> list[Rule]:
    """Sorts simple rules first, then those on the key of the cure, which is the last of two conditions."""
    cured = (cure or "").partition("=")[0]

    def is_cured(condition: Condition) -> bool:
        return condition.key == cured

    pairs = [sorted(pair, key=is_cured) for pair in combinations(conditions, 2) if pair[0].key != pair[1].key]
    rules = [Rule((condition,)) for condition in conditions] + [Rule(tuple(pair)) for pair in pairs]

    def effort(rule: Rule) -> tuple[int, bool, int]:
        several = sum(not condition.is_value for condition in rule.conditions)
        return len(rule.conditions), not is_cured(rule.conditions[-1]), several

    return sorted(rules, key=effort)


def _separation(rule: Rule, affected: Members) -> float:
    """Returns the share of affected runs for which a rule holds, less that of healthy runs: 1 is perfect."""
    return float(rule.members[affected].mean() - rule.members[~affected].mean())


def _worth(rule: Rule, affected: Members) -> float:
    """Returns the sort key of rules, which is equal for rules that separate equally well."""
    return round(_separation(rule, affected) - SECOND_CONDITION * len(rule.conditions), 9)


# --- sentences --------------------------------------------------------------------------------------------------------


def _explanation(
    cause: str, sick: Sequence[RunOutputs], healthy: Sequence[RunOutputs], keys: Mapping[str, list[Value]]
) -> CollapseExplanation:
    """Explains what distinguishes runs that collapsed from one cause from healthy runs."""
    cures = Counter(record.health.cure for record in sick if record.health and record.health.cure)
    cure = cures.most_common(1)[0][0] if cures else None
    runs = [*sick, *healthy]
    affected = np.arange(len(runs)) < len(sick)

    rules = _rules(_conditions(runs, keys), cure)
    worth = [_worth(rule, affected) for rule in rules]
    highest = max(worth)
    best, *equals = [rule for rule, value in zip(rules, worth, strict=True) if value == highest]
    if _separation(best, affected) < SEPARATES:
        sentences = [_no_rule(cause, best, affected)]
    else:
        sentences = [_finding(cause, best, affected, runs), *_spared(best, affected, runs)]
        sentences += _doubts(best, equals, affected)
    return CollapseExplanation(" ".join(sentences + _probed(sick)), cure)


def _no_rule(cause: str, closest: Rule, affected: Members) -> str:
    return (
        f"No single setting and no pair of settings separates the collapsed runs ({cause}) from the healthy ones. The "
        f"closest, {closest.words}, holds for {_share(closest.members, affected)} that collapsed and for "
        f"{_share(closest.members, ~affected)} that did not."
    )


def _finding(cause: str, rule: Rule, affected: Members, runs: Sequence[RunOutputs]) -> str:
    """Describes under which settings runs collapse, and under which they do not."""
    *subjects, does = rule.conditions
    who = _subject(subjects[0]) if subjects else "Runs collapse"
    inside = rule.members
    outside = ~does.members & subjects[0].members if subjects else ~does.members
    scope = "in all runs with" if affected[inside].all() else "in most runs with"
    found = _numbers(_share(affected, inside), _of(runs, affected & inside), with_cosine=True)
    sentence = f"{who} ({cause}) {scope} {does.words} ({found})"
    if not outside.any():
        return f"{sentence}."
    often = "seldom" if affected[outside].any() else "never"
    elsewhere = _numbers(_share(affected, outside), _of(runs, outside & ~affected))
    return f"{sentence}, and {often} {_others(does, runs) or 'elsewhere'} ({elsewhere})."


def _subject(condition: Condition) -> str:
    return f"{_name(condition)} collapses" if _name(condition) else f"With {condition.words}, runs collapse"


def _spared(rule: Rule, affected: Members, runs: Sequence[RunOutputs]) -> list[str]:
    """Describes runs with the harmful setting outside of the affected subject."""
    if len(rule.conditions) == 1:
        return []
    subject, does = rule.conditions
    spared = does.members & ~subject.members
    if not spared.any() or affected[spared].any():
        return []
    numbers = _numbers(_share(affected, spared), _of(runs, spared))
    return [f"The same setting {_others(subject, runs) or 'elsewhere'} leads to no collapse ({numbers})."]


def _doubts(best: Rule, equals: Sequence[Rule], affected: Members) -> list[str]:
    """Describes limits of a rule: it rests on one run, or another rule holds for the same runs."""
    doubts = []
    if affected[best.members].sum() == 1:
        doubts.append("This conclusion rests on one run: repeat it with other seeds.")
    same = [rule for rule in equals if rule.keys != best.keys and np.array_equal(rule.members, best.members)]
    if same:
        doubts.append(f"These are also the runs with {same[0].words}: the sweep cannot separate the two settings.")
    return doubts


def _probed(sick: Sequence[RunOutputs]) -> list[str]:
    """Compares linear probes on the features of collapsed runs with their heads."""
    pairs = [(record.health.probe_auc, record.roc_auc) for record in sick if record.health]
    known = [(probe, head) for probe, head in pairs if not math.isnan(probe) and not math.isnan(head)]
    if not known:
        return []
    area = f"ROC-AUC {_range([probe for probe, _ in known])}"
    if float(np.median([probe - head for probe, head in known])) >= PROBE_MARGIN:
        return [
            f"A linear probe on the same features reaches {area}: the features contain the information, but the head "
            "does not use it."
        ]
    return [f"A linear probe on the same features reaches no more ({area})."]


def _name(condition: Condition) -> str | None:
    """Returns the subject of a condition on a name: the model or the data."""
    return value_text(*condition.values) if condition.is_value and condition.key.endswith(".name") else None


def _others(condition: Condition, runs: Sequence[RunOutputs]) -> str | None:
    """Returns the single setting of the runs that do not meet a condition; None if there are several."""
    others = {settings(record)[condition.key] for record in runs} - condition.values
    return f"with {condition.key}={value_text(*others)}" if len(others) == 1 else None


def _share(some: Members, among: Members) -> str:
    return f"{some[among].sum()} of {among.sum()} {'run' if among.sum() == 1 else 'runs'}"


def _numbers(share: str, records: Sequence[RunOutputs], with_cosine: bool = False) -> str:
    """Describes a share of runs with the range of their test ROC-AUC and of the cosines of their features."""
    parts = []
    if areas := [record.roc_auc for record in records if not math.isnan(record.roc_auc)]:
        parts.append(f"test ROC-AUC {_range(areas)}")
    cosines = [record.health.feature_cosine for record in records if record.health]
    known = [value for value in cosines if not math.isnan(value)]
    if with_cosine and known:
        parts.append(f"cosine above {ALIKE}" if min(known) > ALIKE else f"cosine {_range(known)}")
    return f"{share}: {', '.join(parts)}" if parts else share


def _range(values: Sequence[float]) -> str:
    low, high = f"{min(values):.2f}", f"{max(values):.2f}"
    return low if low == high else f"{low} to {high}"


def _of(runs: Sequence[RunOutputs], members: Members) -> list[RunOutputs]:
    return [record for record, is_member in zip(runs, members, strict=True) if is_member]
