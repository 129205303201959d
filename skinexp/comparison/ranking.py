"""What the numbers of several runs say, in sentences: which is best, whether by chance, which is broken."""

import math
from collections.abc import Sequence

import pandas as pd

from skinexp.comparison import seed_summary
from skinexp.comparison.pairwise import Pairs, is_told_apart, pair, same_test_images
from skinexp.core.number_format import chance, limits, listing, three_decimals
from skinexp.runs.run_summary import RunRecord, by_area

TIED = 0.0005  # of areas that read the same
NAMED = 3  # collapsed runs that are told one by one; more are counted


def verdict(records: Sequence[RunRecord], pairs: Pairs | None = None) -> list[str]:
    """What the numbers say, in sentences.

    Args:
        records: the runs, finished or not.
        pairs: what paired tests say of them; found out where it is not given.
    """
    finished = [record for record in records if record.finished]
    if not finished:
        return ["No run finished, so there is nothing to compare."]
    sentences = seed_summary.sentence(seed_summary.repetitions(finished))
    if same_test_images(finished):
        sentences += _ranking(finished, pair(records) if pairs is None else pairs)
    elif any(record.fold is not None for record in finished):
        sentences.append(
            "No run is named the best: folds of a cross-validation that were not pooled stand beside each other, each "
            "tested on its own part of the images."
        )
    else:
        sentences.append("No run is named the best, because the runs were tested on different images.")
    return sentences + _collapses(finished)


def _ranking(finished: Sequence[RunRecord], pairs: Pairs) -> list[str]:
    """Which run has the highest test ROC-AUC, and from which others it is told apart."""
    measured = [record for record in finished if not math.isnan(record.roc_auc)]
    if not measured:
        return ["No run has a test ROC-AUC, which needs test images of both classes."]
    healthy = [record for record in measured if not record.collapsed] or measured
    best, *others = ranked = by_area(healthy)
    if not others:
        images = f" on {sum(best.test_images):,} test images" if sum(best.test_images) else ""
        return [f"{best.name} reaches a test ROC-AUC of {_area(best)}{images}."]

    rows = {other.name: pairs.between(best.name, other.name) for other in others}
    second = rows[others[0].name]
    if second is None or math.isnan(second["p_holm"]):
        return [_untested(ranked, _why_untested(second, pairs))]
    tested = {name: row for name, row in rows.items() if row is not None and not math.isnan(row["p_holm"])}
    apart = [name for name, row in tested.items() if is_told_apart(row)]
    alike = [name for name, row in tested.items() if not is_told_apart(row)]
    test = f"{_equal(second['p_holm'])} (DeLong{pairs.correction})"
    if others[0].name in apart:
        return [
            f"{best.name} separates best: test ROC-AUC {_area(best)}, better than {others[0].name} by "
            f"{_difference(second)}, {test}."
        ]
    sentences = [
        f"{best.name} has the highest test ROC-AUC, {_area(best)}, but is not told apart from {others[0].name}: the "
        f"difference is {_difference(second)}, {test}."
    ]
    if second["low"] > 0:
        sentences.append("That interval leaves out 0, as one in twenty does by chance: hence the correction.")
    if further := alike[1:]:
        sentences.append(f"Nor is it from {listing(further)}.")
    if apart:
        sentences.append(f"It is told apart from {listing(apart)}.")
    return sentences


def _untested(ranked: Sequence[RunRecord], why: str) -> str:
    """Who leads by how much, where nothing says whether by chance, and why nothing does."""
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


def _why_untested(row: pd.Series | None, pairs: Pairs) -> str:
    """Why no test says whether a difference is chance; `row` is that of the two runs, where there is one."""
    if pairs.refusal:
        return f"Whether that is more than chance was not tested: {pairs.refusal.rstrip('.')}."
    if row is None:
        return "Whether that is more than chance cannot be said without the predictions of both."
    return (
        "Whether that is more than chance cannot be said here: these images and their logits do not show how the "
        "difference varies."
    )


def _area(record: RunRecord) -> str:
    found = limits(record.interval("roc_auc"))
    return three_decimals(record.roc_auc) + (f" (95 % interval {found})" if found else "")


def _difference(row: pd.Series) -> str:
    return f"{three_decimals(row['difference'])} ({three_decimals(row['low'])} to {three_decimals(row['high'])})"


def _equal(p_value: float) -> str:
    words = chance(p_value)
    return f"p {words}" if words.startswith("<") else f"p = {words}"


def _collapses(finished: Sequence[RunRecord]) -> list[str]:
    """The runs that collapsed, with cause and cure: each by its name, or those of one cause together where many."""
    collapsed = [record for record in finished if record.collapsed]
    if len(collapsed) <= NAMED:
        return [_collapse(record) for record in collapsed]
    reasons: dict[str, int] = {}
    for record in collapsed:
        reasons[_reason(record)] = reasons.get(_reason(record), 0) + 1
    if len(reasons) == 1:
        return [f"{len(collapsed)} of the {len(finished)} runs that finished have collapsed{next(iter(reasons))}."]
    told = [f"{count}{reason or ': no cause is known'}" for reason, count in reasons.items()]
    return [f"{len(collapsed)} of the {len(finished)} runs that finished have collapsed. {'. '.join(told)}."]


def _collapse(record: RunRecord) -> str:
    """Why a run collapsed and what to do; what it answers, and what its accuracy is worth."""
    sentence = f"{record.name} has collapsed{_reason(record)}."
    if not record.has_one_answer:
        return sentence
    answer = "malignant" if record.metric("test/predicted_positive") == 1.0 else "benign"
    accuracy = record.metric("test/accuracy")
    if math.isnan(accuracy):
        return f"{sentence} It always answers {answer}."
    return (
        f"{sentence} It always answers {answer}, and its accuracy of {three_decimals(accuracy)} is the share of "
        f"{answer} images."
    )


def _reason(record: RunRecord) -> str:
    if record.health is None or not record.health.cause:
        return ""
    cure = f"; do {record.health.cure}" if record.health.cure else ""
    return f": {record.health.cause}{cure}"
