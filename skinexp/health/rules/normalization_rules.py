"""Causes in the running statistics of BatchNormalization."""

import math
import statistics
from dataclasses import replace

from skinexp.health.diagnosis import LIKELY, SURE, Diagnosis
from skinexp.health.diagnostic_limits import limit
from skinexp.health.observations import Observations
from skinexp.health.readings import Readings, measured
from skinexp.health.rules.outcome import failed

NAME = "batchnorm_unfrozen_or_stale"


def batchnorm_unfrozen_or_stale(observations: Observations) -> Diagnosis | None:
    """Returns a diagnosis if a pretrained backbone's statistics are overwritten, or new ones are still initial."""
    for name, readings in (("the kept weights", observations.after), *observations.phase_ends.items()):
        gap, stale = readings.mode_gap, readings.stale_statistics
        harmful = gap > limit("mode_gap")
        evidence = measured(mode_gap=gap, stale_statistics=stale, normalizations=readings.normalizations_learning)
        if observations.pretrained and readings.normalizations_learning > 0:
            harm = _two_losses(readings) if harmful else "it replaces the statistics that its weights were trained with"
            why = f"BatchNormalization of the pretrained backbone is trained (seen in {name}): {harm}"
            return Diagnosis(NAME, SURE if harmful else LIKELY, why, "model.batch_norm=frozen", evidence)
        if stale > limit("stale") and (harmful or failed(observations)):
            losses = f": {_two_losses(readings)}" if math.isfinite(gap) else ""
            why = f"{stale:.0%} of the running statistics still have their initial value{losses}"
            return Diagnosis(NAME, SURE, why, "model.batch_norm_momentum=0.9", evidence)
    return None


def statistics_do_not_fit(observations: Observations) -> Diagnosis | None:
    """Returns a diagnosis if running statistics do not fit the images, for no visible reason, and ROC-AUC is lost."""
    found = _misfit(observations)
    return found if found and (_order_lost(observations) or failed(observations)) else None


def statistics_shift_logits(observations: Observations) -> Diagnosis | None:
    """Returns a diagnosis if running statistics do not fit the images, but shift all logits alike.

    The ROC-AUC is intact then, and another threshold makes up for the shift. The validation loss must show it too, and
    not in one epoch alone: a few training images are no evidence, and one batch may move the statistics of a healthy
    network for a while.
    """
    found = _misfit(observations)
    if found is None or _order_lost(observations) or failed(observations):
        return None
    if not _loss_around_best_epoch(observations) > observations.constant_loss:
        return None
    area = observations.after.inference_auc
    why = f"{found.why}; the ROC-AUC is intact ({area:.2f}), but the threshold 0.5 does not fit the shifted logits"
    return replace(found, why=why, cure=None)


def _misfit(observations: Observations) -> Diagnosis | None:
    after = observations.after
    if not (after.mode_gap > limit("mode_gap") and after.inference_loss > observations.constant_loss):
        return None
    why = f"running statistics do not fit: {_two_losses(after)}"
    return Diagnosis(NAME, LIKELY, why, "optim.batch_size=32", {"mode_gap": after.mode_gap})


def _loss_around_best_epoch(observations: Observations) -> float:
    """Returns the median validation loss of the best epoch, the one before and the one after."""
    best = int(observations.after.best_epoch) - 1
    return statistics.median(observations.validation_losses()[max(0, best - 1) : best + 2])


def _order_lost(observations: Observations) -> bool:
    after = observations.after
    return after.own_statistics_auc - after.inference_auc > limit("order_lost")


def _two_losses(readings: Readings) -> str:
    return (
        f"the same images have a loss of {readings.inference_loss:.2f} with running statistics and of "
        f"{readings.own_statistics_loss:.2f} with the statistics of their batch"
    )
