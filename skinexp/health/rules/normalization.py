"""What is wrong with the running statistics of BatchNormalization."""

import math

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
    """Running statistics are not those of the images, for a reason that is not seen."""
    gap = _mode_gap(chart.after)
    if not (gap > limit("mode_gap") and chart.after["inference_loss"] > chart.entropy):
        return None
    why = f"running statistics do not fit: {_two_losses(chart.after)}"
    return Diagnosis(NAME, LIKELY, why, "optim.batch_size=32", {"mode_gap": gap})


def _mode_gap(evidence: Evidence) -> float:
    return evidence.get("inference_loss", math.nan) - evidence.get("own_statistics_loss", math.nan)


def _two_losses(evidence: Evidence) -> str:
    return (
        f"the same images have a loss of {evidence.get('inference_loss', math.nan):.2f} in inference and of "
        f"{evidence.get('own_statistics_loss', math.nan):.2f} with their own statistics"
    )
