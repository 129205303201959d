"""The standing of a finished run: whether its test ROC-AUC may be ranked, and if not, why."""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum

import numpy as np

from skinexp.evaluation import CLASSES, Interval
from skinexp.runs.run_outputs import RunOutputs

CHANCE = 0.5  # the ROC-AUC of a run that gives images a random order


class Standing(StrEnum):
    """What a run's predictions of the test images allow to say of it."""

    ABOVE_CHANCE = "above chance"  # the 95 % CI of its ROC-AUC lies above 0.5, and it predicts both classes
    AT_CHANCE = "at chance"  # the 95 % CI holds 0.5
    BELOW_CHANCE = "below chance"  # the 95 % CI lies below 0.5
    ONE_CLASS = "one class"  # at its operating threshold its sensitivity or its specificity is 0
    COLLAPSED = "collapsed"
    NOT_FINITE = "not finite"  # logits are NaN or infinite
    NO_AREA = "no area"  # it has no test ROC-AUC for another reason


RANKED = (Standing.ABOVE_CHANCE, Standing.AT_CHANCE, Standing.BELOW_CHANCE)  # runs whose areas are compared


def standings(finished: Sequence[RunOutputs], simultaneous: Mapping[str, Interval]) -> dict[str, Standing]:
    """Returns the standing of each run by its name.

    Args:
        finished: the runs, with distinct names.
        simultaneous: ROC-AUC with limits that hold for all runs at once, of those that have them: of twenty runs at
            chance, one has an interval of its own above 0.5 by luck.
    """
    return {run.name: _standing(run, simultaneous.get(run.name, run.interval("roc_auc"))) for run in finished}


def not_finite(run: RunOutputs) -> int:
    """Returns how many of a run's test logits are NaN or infinite; 0 without predictions."""
    return 0 if run.test is None else int((~np.isfinite(run.test["logit"].to_numpy(dtype=float))).sum())


def only_class(runs: Sequence[RunOutputs]) -> str | None:
    """Returns the name of the class that all test images of all runs have; None if there are both, or it is unknown."""
    found = {name for run in runs for name, images in zip(CLASSES, run.test_images, strict=True) if images}
    return found.pop() if len(found) == 1 else None


def at_operating_threshold(run: RunOutputs, score: str) -> float:
    """Returns a score at the operating threshold; at 0.5 if the run has chosen none."""
    chosen = run.metric(f"test/{score}_chosen")
    return run.metric(f"test/{score}") if math.isnan(chosen) else chosen


def _standing(run: RunOutputs, area: Interval) -> Standing:
    if not_finite(run):
        return Standing.NOT_FINITE
    if math.isnan(run.roc_auc):
        return Standing.NO_AREA
    if run.collapsed:
        return Standing.COLLAPSED
    # A run that left no predictions may have no limits: its estimate decides.
    low, high = (run.roc_auc if math.isnan(limit) else limit for limit in (area.low, area.high))
    if high < CHANCE:
        return Standing.BELOW_CHANCE
    if low <= CHANCE:
        return Standing.AT_CHANCE
    is_one_class = any(at_operating_threshold(run, score) == 0 for score in ("recall", "specificity"))
    return Standing.ONE_CLASS if is_one_class else Standing.ABOVE_CHANCE
