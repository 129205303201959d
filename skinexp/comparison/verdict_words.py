"""The sentences that rank runs: areas with intervals, and the results of tests."""

import math
from collections.abc import Sequence

import pandas as pd

from skinexp.comparison.pairwise import PairwiseTests
from skinexp.comparison.ranking import Ranking
from skinexp.comparison.seed_summary import RepeatedConfiguration
from skinexp.core.number_format import counted, limits_text, p_value_equation, three_decimals, with_interval
from skinexp.evaluation.paired.area_test import DELONG, PERMUTATION, UNKNOWN_VARIANCE
from skinexp.runs.run_outputs import RunOutputs, by_area

TIED = 0.0005  # of areas that read the same
TESTS = {DELONG: "DeLong", PERMUTATION: "permutation test"}


def all_names(names: Sequence[str]) -> str:
    """Returns names as a sentence lists them, however many: a run that is left out would seem to be worse."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def area_text(run: RunOutputs) -> str:
    """Returns a run's test ROC-AUC with its 95 % CI."""
    return with_interval(run.interval("roc_auc"), run.interval_method("roc_auc"))


def adjusted_area_text(run: RunOutputs, pairs: PairwiseTests) -> str:
    """Returns a run's test ROC-AUC with the 95 % CI that holds for all runs at once, if there is one."""
    found = pairs.simultaneous.intervals
    if run.name not in found or len(found) < 2:
        return area_text(run)
    return with_interval(found[run.name], f"simultaneous for {len(found)} runs: {pairs.simultaneous.method}")


def images_text(run: RunOutputs) -> str:
    """Returns the number of a run's test images as the end of a sentence; empty if it is unknown."""
    return f" on {counted(sum(run.test_images), 'test image')}" if sum(run.test_images) else ""


def highest_area(runs: Sequence[RunOutputs], pairs: PairwiseTests) -> str:
    """Returns a sentence on the run with the highest test ROC-AUC, without calling it the best."""
    first = by_area(runs)[0]
    return f"The highest test ROC-AUC is that of {first.name}, {adjusted_area_text(first, pairs)}."


def comparison_sentences(ranking: Ranking, pairs: PairwiseTests) -> list[str]:
    """Returns which runs are significantly lower than the best one; all that are not are named."""
    rows = ranking.rows
    highest = f"{ranking.best.name} has the highest test ROC-AUC, {area_text(ranking.best)}"
    if not ranking.alike:
        first, *rest = ranking.lower
        also = f" and than that of {all_names(rest)}" if rest else ""
        return [
            f"{highest}; it is significantly higher than that of {first} ({_test(rows[first], pairs)}){also}.",
            *_without_test(ranking),
        ]
    first = ranking.alike[0]
    sentences = [
        f"{highest}, but it is not significantly different from that of {first} ({_test(rows[first], pairs)})."
    ]
    if rows[first]["low"] > 0:
        sentences.append(
            "The 95 % CI of this difference excludes 0, but it is not adjusted for multiple comparisons as the p-value "
            "is."
        )
    return [*sentences, *_others(ranking, ranking.alike[1:], " also"), *_without_test(ranking)]


def untested_sentences(ranking: Ranking, pairs: PairwiseTests) -> list[str]:
    """Returns which run leads by how much if the difference was not tested, and why it was not."""
    best, ranked = ranking.best, [ranking.best, *ranking.others]
    why = _why_untested(ranking.rows.get(ranking.others[0].name))
    leaders = [run for run in ranked if best.roc_auc - run.roc_auc < TIED]
    others = ranked[len(leaders) :]
    shared = f"{all_names([run.name for run in leaders])} share the highest test ROC-AUC, {area_text(best)}"
    if len(leaders) == 1:
        ahead = three_decimals(best.roc_auc - others[0].roc_auc)
        first = f"{best.name} has the highest test ROC-AUC, {area_text(best)}: {ahead} above {others[0].name}. {why}"
    elif others:
        first = f"{shared}; {others[0].name} follows with {three_decimals(others[0].roc_auc)}. {why}"
    else:
        first = f"{shared}. {why}"
    return [first, *_others(ranking, ranking.alike, "")]


def _others(ranking: Ranking, alike: Sequence[str], also: str) -> list[str]:
    """Returns the results of tests that have not been stated: runs that are not different, runs that are lower."""
    mine, sentences = f"The test ROC-AUC of {ranking.best.name}", []
    if alike:
        sentences.append(f"{mine} is{also} not significantly different from that of {all_names(alike)}.")
    if ranking.lower:
        sentences.append(f"{mine} is significantly higher than that of {all_names(ranking.lower)}.")
    return sentences


def _without_test(ranking: Ranking) -> list[str]:
    if not ranking.untested:
        return []
    return [f"Whether it is higher than that of {all_names(ranking.untested)} could not be tested."]


def _test(row: pd.Series, pairs: PairwiseTests) -> str:
    """Returns the result of the test of two runs, as a sentence has it in parentheses."""
    test, limits = TESTS[row.get("test", DELONG)], limits_text(row["low"], row["high"])
    interval = f", 95 % CI {limits}" if limits else ""
    return (
        f"difference {three_decimals(row['difference'])}{interval}; "
        f"{p_value_equation(row['p_holm'])}, {test}{pairs.adjustment}"
    )


def _why_untested(row: pd.Series | None) -> str:
    """Returns why a difference was not tested; `row` is that of the two runs, if there is one."""
    if row is None:
        return "The difference was not tested for significance: DeLong's test needs the predictions of both runs."
    reason = str(row.get("test", UNKNOWN_VARIANCE)).removeprefix("none: ")
    return f"The difference cannot be tested for significance: {reason}."


def further_configurations(repeated: Sequence[RepeatedConfiguration]) -> list[str]:
    """Returns the tests of the best configuration with all but the first two, which `seed_sentences` states."""
    rest = [one for one in repeated[2:] if not math.isnan(one.p_holm)]
    alike = [one.name for one in rest if not one.is_significant]
    lower = [one.name for one in rest if one.is_significant]
    mine, sentences = f"The mean test ROC-AUC of {repeated[0].name}", []
    if alike:
        sentences.append(f"{mine} is also not significantly different from that of {all_names(alike)}.")
    if lower:
        sentences.append(f"{mine} is significantly higher than that of {all_names(lower)}.")
    return sentences
