"""The rules that chose the operating thresholds of some runs, in sentences: what each rule is, and what it assumes."""

import math
from collections.abc import Sequence

from skinexp.core.number_format import listing
from skinexp.runs.run_outputs import RunOutputs

RULE, CALIBRATION = "evaluate.threshold", "evaluate.calibration"
YOUDEN = "youden"
OTHER_RULES = f"{RULE}=sensitivity:0.95 or {RULE}=cost:10"
SAME = 0.005  # by which shares of malignant validation images differ that are one number in a sentence


def has_operating_threshold(run: RunOutputs) -> bool:
    """Returns whether a run chose a threshold, so that it has scores there."""
    return not math.isnan(run.metric("threshold/chosen"))


def threshold_sentences(runs: Sequence[RunOutputs]) -> list[str]:
    """Returns which rule chose the operating thresholds, and what Youden's rule assumes.

    Args:
        runs: finished ones; those that do not say by which rule they chose a threshold are left out.
    """
    known = [run for run in runs if has_operating_threshold(run) and run.summary.setting(RULE) is not None]
    rules: dict[str, list[RunOutputs]] = {}
    for run in known:
        rules.setdefault(_basis(run), []).append(run)
    if not rules:
        return []
    if len(rules) == 1:
        sentences = [f"Operating threshold: {next(iter(rules))}."]
    else:
        named = [f"{listing([run.name for run in members])}: {basis}" for basis, members in rules.items()]
        sentences = [f"Operating thresholds: {'; '.join(named)}."]
    by_youden = [run for run in known if str(run.summary.setting(RULE)) == YOUDEN]
    return [*sentences, *([_assumption(by_youden)] if by_youden else [])]


def _basis(run: RunOutputs) -> str:
    """Returns the rule of a run, and the probabilities that it looked at."""
    method = run.summary.calibration.get("method") or run.summary.setting(CALIBRATION)
    kind = "uncalibrated probabilities" if method in (None, "none") else f"calibrated probabilities ({method})"
    return f"rule {run.summary.setting(RULE)} on {kind} of the validation images"


def _assumption(runs: Sequence[RunOutputs]) -> str:
    """Returns what Youden's rule takes a missed malignant lesion to cost, as its weights imply (Youden, 1950).

    Equal weights of sensitivity and specificity are the lowest cost if a missed malignant lesion costs as many false
    positives as there are benign images for each malignant one.
    """
    shares = [share for run in runs if not math.isnan(share := _validation_prevalence(run))]
    if len(shares) == len(runs) and max(shares) - min(shares) < SAME:
        share = sum(shares) / len(shares)
        price = f"{(1 - share) / share:.2g}"
        cost = f"a missed malignant lesion costs as much as {price} false positive{'' if price == '1' else 's'}"
        of_images = f"with {100 * share:.0f} % malignant validation images, it assumes that {cost}"
    else:
        of_images = (
            "it assumes that a missed malignant lesion costs as many false positives as there are benign validation "
            "images for each malignant one"
        )
    return (
        f"Youden's rule gives sensitivity and specificity the same weight: {of_images}. Which rule suits a clinic is a "
        f"decision for people; {OTHER_RULES} states another one."
    )


def _validation_prevalence(run: RunOutputs) -> float:
    """Returns the share of malignant images among the validation images; NaN if it is unknown, 0 or 1."""
    if run.predictions is not None and (labels := run.predictions.loc[run.predictions["split"] == "val", "label"]).size:
        share = float(labels.mean())
    else:
        counts = run.summary.data.counts.get("val", {}) if run.summary.data and not run.evaluates else {}
        images = sum(counts.values())
        share = counts.get("malignant", 0) / images if images else math.nan
    return share if 0 < share < 1 else math.nan
