"""What is wrong with the running statistics of BatchNormalization."""

import math
import statistics
from dataclasses import replace

from skinexp.health.chart import Chart, Evidence
from skinexp.health.diagnosis import LIKELY, SURE, Diagnosis
from skinexp.health.rules.outcome import failed
from skinexp.health.thresholds import limit

NAME = "batchnorm_unfrozen_or_stale"


def batchnorm_unfrozen_or_stale(chart: Chart) -> Diagnosis | None:
    """A pretrained backbone's statistics are overwritten, or those of a new one are still what they began with."""
    for name, evidence in (("the kept weights", chart.after), *chart.ends.items()):
        learning = evidence.get("normalizations_learning", 0)
        gap, stale = _mode_gap(evidence), evidence.get("stale_statistics", math.nan)
        hurts = gap > limit("mode_gap")
        seen = {"mode_gap": gap, "stale_statistics": stale, "normalizations": learning}
        if chart.pretrained and learning:
            harm = _two_losses(evidence) if hurts else "it replaces statistics that its weights were learned with"
            why = f"BatchNormalization of the pretrained backbone learns (seen in {name}): {harm}"
            return Diagnosis(NAME, SURE if hurts else LIKELY, why, "model.batch_norm=frozen", seen)
        if stale > limit("stale") and (hurts or failed(chart)):
            seen_in = f": {_two_losses(evidence)}" if math.isfinite(gap) else ""
            why = f"{stale:.0%} of the running statistics are still as initialised{seen_in}"
            return Diagnosis(NAME, SURE, why, "model.batch_norm_momentum=0.9", seen)
    return None


def statistics_do_not_fit(chart: Chart) -> Diagnosis | None:
    """Running statistics are not those of the images, for a reason that is not seen, and cost the order of images."""
    found = _misfit(chart)
    return found if found and (_order_lost(chart) or failed(chart)) else None


def statistics_shift_answers(chart: Chart) -> Diagnosis | None:
    """Likewise, but the order of images is intact: it shifts all answers alike, which a threshold makes up for.

    Those to validation images too, and not in one epoch alone: a few training images are no evidence, and one batch may
    move the statistics of a healthy network for a while.
    """
    found = _misfit(chart)
    if found is None or _order_lost(chart) or failed(chart) or not _loss_around_kept(chart) > chart.entropy:
        return None
    area = chart.after.get("inference_auc", math.nan)
    intact = f"{found.why}; the order of the images is intact (AUC {area:.2f}), only the threshold 0.5 is not theirs"
    return replace(found, why=intact, cure=None)


def _misfit(chart: Chart) -> Diagnosis | None:
    gap = _mode_gap(chart.after)
    if not (gap > limit("mode_gap") and chart.after["inference_loss"] > chart.entropy):
        return None
    why = f"running statistics do not fit: {_two_losses(chart.after)}"
    return Diagnosis(NAME, LIKELY, why, "optim.batch_size=32", {"mode_gap": gap})


def _loss_around_kept(chart: Chart) -> float:
    """Validation loss in the median of the kept epoch, the one before and the one after."""
    kept = int(chart.after["best_epoch"]) - 1
    return statistics.median(chart.course("val/loss")[max(0, kept - 1) : kept + 2])


def _order_lost(chart: Chart) -> bool:
    inference, own = (chart.after.get(f"{mode}_auc", math.nan) for mode in ("inference", "own_statistics"))
    return own - inference > limit("order_lost")


def _mode_gap(evidence: Evidence) -> float:
    return evidence.get("inference_loss", math.nan) - evidence.get("own_statistics_loss", math.nan)


def _two_losses(evidence: Evidence) -> str:
    return (
        f"the same images have a loss of {evidence.get('inference_loss', math.nan):.2f} in inference and of "
        f"{evidence.get('own_statistics_loss', math.nan):.2f} with their own statistics"
    )
