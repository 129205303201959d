"""What keeps weights from learning, or throws them about."""

import math

from skinexp.health.chart import Chart
from skinexp.health.diagnosis import LIKELY, SURE, Diagnosis
from skinexp.health.rules.outcome import failed
from skinexp.health.thresholds import limit


def learning_rate_too_high(chart: Chart) -> Diagnosis | None:
    """Steps throw the weights about: a lower rate learns what this one cannot."""
    return _jump_of_later_phase(chart) or _lost_trial(chart) or _lost_epochs(chart)


def _lost_trial(chart: Chart) -> Diagnosis | None:
    """Sixteen images that can be learned at a lower rate, and not at this one."""
    if not chart.trials or not failed(chart):
        return None
    first = chart.trials[0]
    lower = [trial for trial in chart.trials[1:] if trial.fitted and trial.lr < first.lr]
    if first.fitted or not lower:
        return None
    best = min(lower, key=lambda trial: trial.ratio)
    why = (
        f"at {first.lr:g} the loss of sixteen images rises to {_times(first.peak)} what it was, at {best.lr:g} it "
        f"falls to {_times(best.ratio)} that in twelve steps"
    )
    seen = {"lr": first.lr, "peak": first.peak, "better_lr": best.lr, "better_ratio": best.ratio}
    return Diagnosis("learning_rate_too_high", SURE, why, f"optim.lr={best.lr:g}", seen)


def _lost_epochs(chart: Chart) -> Diagnosis | None:
    """A training loss that left the neighbourhood of a constant answer, upwards."""
    first = chart.phases[0]
    worst = max(chart.course("train/loss", first.name), default=math.nan)
    initial = chart.before.get("initial_loss", 0.0)
    if chart.dropout > limit("much_dropout"):
        return None  # which raises the training loss by itself
    moved = chart.last("weight_change") > limit("small_updates")
    if not (failed(chart) and moved and worst > limit("loss_far_above") * max(chart.entropy, initial)):
        return None
    why = (
        f"steps at {first.lr:g} took the training loss to {worst:.3g}, where a constant answer has {chart.entropy:.2f}"
    )
    seen = {"lr": first.lr, "worst_train_loss": worst, "initial_loss": initial, "entropy": chart.entropy}
    return Diagnosis("learning_rate_too_high", LIKELY, why, f"optim.lr={first.lr / 10:g}", seen)


def _jump_of_later_phase(chart: Chart) -> Diagnosis | None:
    """Fine-tuning that begins by losing what the head had learned."""
    if len(chart.phases) < 2:
        return None
    head, later = chart.phases[0], chart.phases[1]
    before, during = chart.course("train/loss", head.name), chart.course("train/loss", later.name)
    if not (before and during) or chart.ends.get(later.name, {}).get("normalizations_learning", 0):
        return None
    jumped = max(during) > max(limit("loss_above_entropy") * chart.entropy, 1.3 * before[-1])
    if not jumped:
        return None
    why = (
        f"fine-tuning at {later.lr:g} raised the training loss from {before[-1]:.2f} to {max(during):.2f}, where a "
        f"constant answer has {chart.entropy:.2f}"
    )
    seen = {"lr": later.lr, "loss_before": before[-1], "loss_during": max(during), "entropy": chart.entropy}
    return Diagnosis("learning_rate_too_high", LIKELY, why, f"model.fine_tune.lr={later.lr / 10:g}", seen)


def learning_rate_too_low(chart: Chart) -> Diagnosis | None:
    """Weights hardly move: a higher rate learns what this one cannot."""
    if not (failed(chart) and chart.trials):
        return None
    first = chart.trials[0]
    higher = [trial for trial in chart.trials[1:] if trial.fitted and trial.lr > first.lr]
    moved = chart.last("weight_change")
    if first.ratio < limit("stuck") or not higher or moved > limit("small_updates"):
        return None
    stood = f"{chart.steps} steps moved the weights by {moved:.2g} of what they are; " if moved >= 0 else ""
    why = (
        f"{stood}in twelve steps on sixteen images {higher[0].lr:g} lowers the loss to {_times(higher[0].ratio)} what "
        f"it was, {first.lr:g} to {_times(first.ratio)} that"
    )
    seen = {"lr": first.lr, "ratio": first.ratio, "weight_change": moved, "better_lr": higher[0].lr}
    return Diagnosis("learning_rate_too_low", SURE, why, f"optim.lr={higher[0].lr:g}", seen)


def exploding_or_nonfinite(chart: Chart) -> Diagnosis | None:
    """Numbers are lost on the way."""
    counted = {name: chart.worst(name) for name in ("nonfinite_weights", "nonfinite_answers", "nonfinite_gradients")}
    first_loss = chart.before.get("initial_loss", math.nan) / chart.entropy
    seen = counted | {"initial_loss_over_entropy": first_loss}
    if any(value > 0 for value in counted.values()):
        worst = max(counted, key=lambda name: counted[name] if counted[name] > 0 else -1)
        why = f"{counted[worst]:,.0f} {worst.removeprefix('nonfinite_')} of the network are no numbers"
        return Diagnosis("exploding_or_nonfinite", SURE, why, None, seen)
    if chart.error is not None:
        return Diagnosis("exploding_or_nonfinite", SURE, chart.error, None, seen)
    still = chart.after.get("val_loss", 0.0) > limit("loss_far_above") * chart.entropy
    if first_loss > limit("sure_and_wrong") and (failed(chart) or still):
        why = f"the untrained network is sure and wrong: its loss is {first_loss:.0f} times that of a constant answer"
        return Diagnosis("exploding_or_nonfinite", LIKELY, why, None, seen)
    return None


def dead_units(chart: Chart) -> Diagnosis | None:
    """A layer lets nothing through."""
    share = chart.worst("dead_units")
    if not (failed(chart) and share > limit("blocked_layer")):
        return None
    at_start = chart.before.get("dead_units", 0) > limit("blocked_layer")
    when = "before the first step" if at_start else "after training"
    why = f"{share:.0%} of the units of a layer answer 0 to every image, {when}"
    cure = None if at_start else f"optim.lr={chart.phases[0].lr / 10:g}"
    return Diagnosis("dead_units", SURE if at_start else LIKELY, why, cure, {"dead_units": share})


def vanishing_gradient(chart: Chart) -> Diagnosis | None:
    """The loss does not pull at the first layers."""
    for evidence in (chart.before, *chart.ends.values()):
        smallest, largest = evidence.get("gradient_min", math.nan), evidence.get("gradient_max", math.nan)
        if failed(chart) and smallest < limit("vanishing") * largest:
            pulls = {name: value for name, value in evidence.items() if name.startswith("gradient/")}
            where = min(pulls, key=lambda name: pulls[name], default="gradient/the first layers").partition("/")[2]
            why = (
                f"gradients are between {smallest:.1e} (at {where}) and {largest:.1e} of the weights they change: "
                f"layers far from the loss do not learn"
            )
            seen = {"gradient_min": smallest, "gradient_max": largest}
            return Diagnosis("vanishing_gradient", LIKELY, why, None, seen)
    return None


def _times(ratio: float) -> str:
    return "infinity" if not math.isfinite(ratio) else f"{ratio:.2g} times"
