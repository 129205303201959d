"""What a verdict says besides its case: how the best run was chosen, and which runs are not ranked or collapsed."""

import math
from collections.abc import Mapping, Sequence

from skinexp.comparison.pairwise import PairwiseTests
from skinexp.comparison.ranking import Ranking, best_on_validation
from skinexp.comparison.standing import Standing, at_operating_threshold, not_finite
from skinexp.comparison.verdict_words import all_names, area_text
from skinexp.core.number_format import limits_text, three_decimals
from skinexp.runs.run_outputs import RunOutputs

NAMED = 3  # runs that are described one by one; more are named together
SCORES = {"recall": ("sensitivity", "malignant"), "specificity": ("specificity", "benign")}


def one_network_note(ranking: Ranking) -> list[str]:
    """Names the runs that are the same network as the best one, unless all are."""
    if not ranking.same_network or ranking.is_one_network:
        return []
    names = all_names([ranking.best.name, *ranking.same_network])
    return [f"{names} give every test image the same logit: they are the same network."]


def selection_note(ranking: Ranking, pairs: PairwiseTests) -> list[str]:
    """Says that the best run was chosen on the images that judge it, with the interval that allows for this."""
    best, areas = ranking.best, pairs.simultaneous.intervals
    if not ranking.others:
        return []
    count = max(len(areas), 1 + len(ranking.others))
    chosen = f"{best.name} is the best of {count} runs on the same test images that judge it"
    limits = limits_text(*areas[best.name][1:]) if best.name in areas else ""
    if not limits:
        return [f"{chosen}: its test ROC-AUC is optimistic."]
    return [
        f"{chosen}; with this choice allowed for, the 95 % CI of its ROC-AUC is {limits} (simultaneous for "
        f"{len(areas)} runs: {pairs.simultaneous.method})."
    ]


def validation_note(ranking: Ranking, finished: Sequence[RunOutputs]) -> list[str]:
    """Names the run that validation images would have chosen, whose test score no choice has made optimistic."""
    chosen = best_on_validation(finished)
    if chosen is None or not ranking.others:
        return []
    by = f"Validation ROC-AUC ({three_decimals(chosen.metric('val/roc_auc'))}) would have chosen"
    if chosen is ranking.best:
        return [f"{by} the same run."]
    if math.isnan(chosen.roc_auc):
        return [f"{by} {chosen.name}, which has no test ROC-AUC."]
    return [f"{by} {chosen.name}, with a test ROC-AUC of {area_text(chosen)}."]


def excluded_notes(finished: Sequence[RunOutputs], standings: Mapping[str, Standing]) -> list[str]:
    """Names each finished run that is not ranked, or is below chance, with the reason.

    Args:
        finished: the runs.
        standings: of those that are to be described, by name.
    """
    describe = {
        Standing.NOT_FINITE: (_not_finite, "have test logits that are NaN or infinite, and are not ranked"),
        Standing.NO_AREA: (_no_area, "have no test ROC-AUC, and are not ranked"),
        Standing.BELOW_CHANCE: (_below_chance, "rank malignant images below benign ones"),
        Standing.ONE_CLASS: (
            _one_class,
            "have a sensitivity or a specificity of 0 at their operating threshold, and are not ranked",
        ),
    }
    notes = []
    for standing, (one_by_one, together) in describe.items():
        runs = [run for run in finished if standings.get(run.name) == standing]
        if len(runs) > NAMED:
            notes.append(f"{all_names([run.name for run in runs])} {together}.")
        else:
            notes += [one_by_one(run) for run in runs]
    return notes


def _not_finite(run: RunOutputs) -> str:
    count, images = not_finite(run), sum(run.test_images)
    return f"{run.name} is not ranked: {count:,} of its {images:,} test logits are NaN or infinite."


def _no_area(run: RunOutputs) -> str:
    return f"{run.name} is not ranked: it has no test ROC-AUC."


def _below_chance(run: RunOutputs) -> str:
    return (
        f"{run.name} ranks malignant images below benign ones (test ROC-AUC {area_text(run)}): check that label 1 "
        "stands for malignant."
    )


def _one_class(run: RunOutputs) -> str:
    return (
        f"{run.name} is not ranked: at its operating threshold {missed_class(run)}. Its test ROC-AUC is "
        f"{area_text(run)}."
    )


def missed_class(run: RunOutputs) -> str:
    """Returns which class a run never recognises at its operating threshold, as the end of a sentence."""
    score, name = next(words for key, words in SCORES.items() if at_operating_threshold(run, key) == 0)
    return f"it recognises no {name} image ({score} 0)"


def collapse_notes(finished: Sequence[RunOutputs]) -> list[str]:
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
