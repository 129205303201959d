"""The verdict of a comparison in sentences: which run is best, whether significantly, and which runs collapsed."""

import math
from collections.abc import Sequence

import pandas as pd

from skinexp.comparison.pairwise import PairwiseTests, is_significant, same_test_images
from skinexp.comparison.seed_summary import RepeatedConfiguration, seed_sentences
from skinexp.core.number_format import counted, limits_text, listing, p_value_equation, three_decimals, with_interval
from skinexp.evaluation.paired.area_test import DELONG, PERMUTATION, UNKNOWN_VARIANCE
from skinexp.runs.run_outputs import RunOutputs, by_area

TIED = 0.0005  # of areas that read the same
TESTS = {DELONG: "DeLong", PERMUTATION: "permutation test"}
NAMED = 3  # collapsed runs that are named one by one; more are counted


def verdict(
    records: Sequence[RunOutputs], pairs: PairwiseTests, repeated: Sequence[RepeatedConfiguration] = ()
) -> list[str]:
    """Returns what the numbers of some runs show, in sentences.

    Args:
        records: the runs, finished or not.
        pairs: the results of their paired tests.
        repeated: their configurations over several seeds.
    """
    finished = [record for record in records if record.finished]
    if not finished:
        return ["No run finished, so there is nothing to compare."]
    sentences = seed_sentences(repeated)
    if same_test_images(finished):
        sentences += _ranking(finished, pairs)
    elif any(record.fold is not None for record in finished):
        sentences.append(
            "No run is named the best: some folds of a cross-validation were not pooled, and each fold was tested on "
            "its own part of the images."
        )
    else:
        sentences.append("No run is named the best, because the runs were tested on different images.")
    return sentences + _collapses(finished)


def best_on_validation(records: Sequence[RunOutputs]) -> RunOutputs | None:
    """Returns the run with the highest validation ROC-AUC, as the test part must not choose; None if none has one."""
    scored = [record for record in records if math.isfinite(record.metric("val/roc_auc"))]
    return max(scored, key=lambda record: record.metric("val/roc_auc")) if scored else None


def _ranking(finished: Sequence[RunOutputs], pairs: PairwiseTests) -> list[str]:
    """Says which run has the highest test ROC-AUC, and which others are significantly lower."""
    measured = [record for record in finished if not math.isnan(record.roc_auc)]
    if not measured:
        return ["No run has a test ROC-AUC: it needs test images of both classes."]
    healthy = [record for record in measured if not record.collapsed] or measured
    best, *others = ranked = by_area(healthy)
    if not others:
        images = f" on {counted(sum(best.test_images), 'test image')}" if sum(best.test_images) else ""
        return [f"{best.name} has a test ROC-AUC of {_area(best)}{images}."]

    rows = {other.name: pairs.between(best.name, other.name) for other in others}
    second = rows[others[0].name]
    if second is None or math.isnan(second["p_holm"]):
        return [_untested(ranked, _why_untested(second, pairs))]
    tested = {name: row for name, row in rows.items() if row is not None and not math.isnan(row["p_holm"])}
    lower = [name for name, row in tested.items() if is_significant(row)]
    alike = [name for name, row in tested.items() if not is_significant(row)]
    highest = f"{best.name} has the highest test ROC-AUC, {_area(best)}"
    if others[0].name in lower:
        return [f"{highest}; it is significantly higher than that of {others[0].name} ({_test(second, pairs)})."]
    sentences = [
        f"{highest}, but it is not significantly different from that of {others[0].name} ({_test(second, pairs)})."
    ]
    if second["low"] > 0:
        sentences.append(
            "The 95 % CI of this difference excludes 0, but it is not adjusted for multiple comparisons as the p-value "
            "is."
        )
    mine = f"The test ROC-AUC of {best.name}"
    if further := alike[1:]:
        sentences.append(f"{mine} is also not significantly different from that of {listing(further)}.")
    if lower:
        sentences.append(f"{mine} is significantly higher than that of {listing(lower)}.")
    return sentences


def _test(row: pd.Series, pairs: PairwiseTests) -> str:
    """Returns the result of the test of two runs, as a sentence has it in parentheses."""
    test, limits = TESTS[row.get("test", DELONG)], limits_text(row["low"], row["high"])
    interval = f", 95 % CI {limits}" if limits else ""
    return (
        f"difference {three_decimals(row['difference'])}{interval}; "
        f"{p_value_equation(row['p_holm'])}, {test}{pairs.adjustment}"
    )


def _untested(ranked: Sequence[RunOutputs], why: str) -> str:
    """Says which run leads by how much if the difference was not tested, and why it was not."""
    best = ranked[0]
    leaders = [record for record in ranked if best.roc_auc - record.roc_auc < TIED]
    others = ranked[len(leaders) :]
    if len(leaders) == 1:
        ahead = three_decimals(best.roc_auc - others[0].roc_auc)
        return f"{best.name} has the highest test ROC-AUC, {_area(best)}: {ahead} above {others[0].name}. {why}"
    names = listing([record.name for record in leaders])
    shared = f"{names} share the highest test ROC-AUC, {three_decimals(best.roc_auc)}"
    if not others:
        return f"{shared}."
    return f"{shared}; {others[0].name} follows with {three_decimals(others[0].roc_auc)}. {why}"


def _why_untested(row: pd.Series | None, pairs: PairwiseTests) -> str:
    """Says why a difference was not tested; `row` is that of the two runs, if there is one."""
    if pairs.refusal:
        return f"The difference was not tested for significance: {pairs.refusal.rstrip('.')}."
    if row is None:
        return "The difference was not tested for significance: DeLong's test needs the predictions of both runs."
    reason = str(row.get("test", UNKNOWN_VARIANCE)).removeprefix("none: ")
    return f"The difference cannot be tested for significance: {reason}."


def _area(record: RunOutputs) -> str:
    return with_interval(record.interval("roc_auc"), record.interval_method("roc_auc"))


def _collapses(finished: Sequence[RunOutputs]) -> list[str]:
    """Names the collapsed runs with cause and cure; if there are many, counts them by cause."""
    collapsed = [record for record in finished if record.collapsed]
    if len(collapsed) <= NAMED:
        return [_collapse(record) for record in collapsed]
    reasons: dict[str, int] = {}
    for record in collapsed:
        reasons[_reason(record)] = reasons.get(_reason(record), 0) + 1
    counted = f"{len(collapsed)} of the {len(finished)} finished runs have collapsed"
    if len(reasons) == 1:
        return [f"{counted}{next(iter(reasons))}."]
    by_cause = [f"{count}{reason or ' (unknown cause)'}" for reason, count in reasons.items()]
    return [f"{counted}: {', '.join(by_cause)}."]


def _collapse(record: RunOutputs) -> str:
    """Says why a run collapsed and what to do; which class it predicts, and what its accuracy is worth."""
    sentence = f"{record.name} has collapsed{_reason(record)}."
    if not record.has_one_answer:
        return sentence
    predicted = "malignant" if record.metric("test/predicted_positive") == 1.0 else "benign"
    accuracy = record.metric("test/accuracy")
    if math.isnan(accuracy):
        return f"{sentence} It predicts {predicted} for every image."
    return (
        f"{sentence} It predicts {predicted} for every image: its accuracy of {three_decimals(accuracy)} is the share "
        f"of {predicted} images."
    )


def _reason(record: RunOutputs) -> str:
    if record.health is None or not record.health.cause:
        return ""
    cure = f", cure: {record.health.cure}" if record.health.cure else ""
    return f" ({record.health.cause_words}{cure})"
