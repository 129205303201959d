"""What the numbers of several runs say, in sentences: which is ahead, whether by more than noise, which is broken."""

import math
from collections.abc import Sequence

from skinexp.report.records import RunRecord

# Differences beyond so many standard errors occur by chance once in twenty comparisons.
BEYOND_NOISE = 1.96
NAMED = 3  # collapsed runs that are told one by one; more are counted


def verdict(records: Sequence[RunRecord]) -> list[str]:
    """What the numbers say, in sentences: which run is ahead, whether by more than noise, and which one is broken."""
    finished = [record for record in records if record.finished]
    if not finished:
        return ["No run finished, so there is nothing to compare."]
    if same_test_images(finished):
        sentences = _ranking(finished)
    elif any(record.fold is not None for record in finished):
        sentences = [
            "No run is named the best: folds of a cross-validation that were not pooled stand beside each other, each "
            "tested on its own part of the images."
        ]
    else:
        sentences = ["No run is named the best, because the runs were tested on different images."]
    collapsed = [record for record in finished if record.collapsed]
    if len(collapsed) > NAMED:
        return [*sentences, f"{len(collapsed)} of the {len(finished)} runs that finished have collapsed."]
    return sentences + [_collapse(record) for record in collapsed]


def same_test_images(records: Sequence[RunRecord]) -> bool:
    """Whether all finished runs that name their test images were tested on the same ones."""
    digests = {record.find("test_digest") for record in records if record.finished}
    return len(digests - {None}) <= 1


def _ranking(finished: Sequence[RunRecord]) -> list[str]:
    """Which run has the highest test ROC-AUC, and whether the runs behind it are within noise of it."""
    ranked = sorted((record for record in finished if not math.isnan(record.roc_auc)), key=lambda run: -run.roc_auc)
    if not ranked:
        return ["No run has a test ROC-AUC, which needs test images of both classes."]
    best, *others = ranked
    images = f"{sum(best.test_images):,} test images"
    if not others:
        return [f"{best.name} reaches a test ROC-AUC of {best.roc_auc:.3f}{_error_of(best.roc_auc_error, images)}."]

    second = others[0]
    ahead = best.roc_auc - second.roc_auc
    if ahead < 0.0005:
        first = f"{best.name} and {second.name} share the highest test ROC-AUC, {best.roc_auc:.3f}."
    else:
        first = (
            f"{best.name} has the highest test ROC-AUC, {best.roc_auc:.3f}: "
            f"{ahead:.3f} above {second.name} ({second.roc_auc:.3f})."
        )

    # Runs tested on the same images err together: their difference is surer than this, which errs towards "noise".
    errors = {run.name: math.hypot(best.roc_auc_error, run.roc_auc_error) for run in others}
    error = errors[second.name]
    if math.isnan(error):
        return [first, "Whether that is more than noise cannot be said: the number of test images is unknown."]
    within = [run.name for run in others[1:] if best.roc_auc - run.roc_auc < BEYOND_NOISE * errors[run.name]]
    reason = f"the difference has a standard error of about {error:.3f} on {images}."
    if ahead >= BEYOND_NOISE * error:
        return [first, f"That is more than noise: {reason}"]
    also = f" {_listing(within)} {'is' if len(within) == 1 else 'are'} within noise of it too." if within else ""
    return [first, f"That is within noise: {reason}{also}"]


def _collapse(record: RunRecord) -> str:
    """What a collapsed run does, and what its accuracy is worth."""
    if not record.has_one_answer:
        cause = f": {record.health.cause}" if record.health and record.health.cause else ""
        return f"{record.name} has collapsed{cause}."
    answer = "malignant" if record.metric("test/predicted_positive") == 1.0 else "benign"
    accuracy = record.metric("test/accuracy")
    worth = "" if math.isnan(accuracy) else f", and its accuracy of {accuracy:.3f} is the share of {answer} images"
    spread = record.metric("test/logit_std")
    return (
        f"{record.name} has collapsed: it always answers {answer}{worth}. "
        f"Its logits hardly differ from image to image (standard deviation {spread:.2g})."
    )


def _error_of(error: float, images: str) -> str:
    return "" if math.isnan(error) else f", with a standard error of about {error:.3f} on {images}"


def _listing(names: Sequence[str]) -> str:
    """Names as a sentence lists them: a, b and c."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
