"""Causes that keep weights from learning, or change them too much."""

import math

from skinexp.health.diagnosis import LIKELY, SURE, Diagnosis
from skinexp.health.diagnostic_limits import limit
from skinexp.health.observations import Observations
from skinexp.health.readings import Readings, measured
from skinexp.health.rules.outcome import failed


def learning_rate_too_high(observations: Observations) -> Diagnosis | None:
    """Returns a diagnosis if a lower learning rate learns what this one cannot."""
    return _raised_by_later_phase(observations) or _failed_overfit_test(observations) or _raised_loss(observations)


def _failed_overfit_test(observations: Observations) -> Diagnosis | None:
    """Sixteen images that can be fitted at a lower learning rate, and not at this one."""
    if not observations.overfit_results or not failed(observations):
        return None
    first, *others = observations.overfit_results
    lower = [result for result in others if result.fitted and result.lr < first.lr]
    if first.fitted or not lower:
        return None
    best = min(lower, key=lambda result: result.ratio)
    why = (
        f"at {first.lr:g} the loss of sixteen images rises to {_times(first.peak)} its initial value; at {best.lr:g} "
        f"it falls to {_times(best.ratio)} that value in twelve steps"
    )
    evidence = {"lr": first.lr, "peak": first.peak, "better_lr": best.lr, "better_ratio": best.ratio}
    return Diagnosis("learning_rate_too_high", SURE, why, f"optim.lr={best.lr:g}", evidence)


def _raised_loss(observations: Observations) -> Diagnosis | None:
    """A training loss that rose far above that of a constant prediction."""
    first, entropy = observations.phases[0], observations.constant_loss
    worst = max(observations.training_losses(first.name), default=math.nan)
    initial = observations.before.initial_loss
    if observations.dropout > limit("much_dropout"):
        return None  # which raises the training loss by itself
    moved = observations.latest.weight_change > limit("small_updates")
    expected = entropy if math.isnan(initial) else max(entropy, initial)
    if not (failed(observations) and moved and worst > limit("loss_far_above") * expected):
        return None
    why = f"steps at {first.lr:g} raised the training loss to {worst:.3g}; a constant prediction has {entropy:.2f}"
    evidence = measured(lr=first.lr, worst_train_loss=worst, initial_loss=initial, entropy=entropy)
    return Diagnosis("learning_rate_too_high", LIKELY, why, f"optim.lr={first.lr / 10:g}", evidence)


def _raised_by_later_phase(observations: Observations) -> Diagnosis | None:
    """Fine-tuning that begins by destroying what the head had learned."""
    if len(observations.phases) < 2:
        return None
    head, later = observations.phases[0], observations.phases[1]
    before, during = observations.training_losses(head.name), observations.training_losses(later.name)
    end = observations.phase_ends.get(later.name, Readings())
    if not (before and during) or end.normalizations_learning > 0:
        return None
    entropy = observations.constant_loss
    if not max(during) > max(limit("loss_above_entropy") * entropy, 1.3 * before[-1]):
        return None
    why = (
        f"fine-tuning at {later.lr:g} raised the training loss from {before[-1]:.2f} to {max(during):.2f}; a constant "
        f"prediction has {entropy:.2f}"
    )
    evidence = {"lr": later.lr, "loss_before": before[-1], "loss_during": max(during), "entropy": entropy}
    return Diagnosis("learning_rate_too_high", LIKELY, why, f"model.fine_tune.lr={later.lr / 10:g}", evidence)


def learning_rate_too_low(observations: Observations) -> Diagnosis | None:
    """Returns a diagnosis if weights hardly change, and a higher learning rate learns what this one cannot."""
    if not (failed(observations) and observations.overfit_results):
        return None
    first, *others = observations.overfit_results
    higher = next((result for result in others if result.fitted and result.lr > first.lr), None)
    moved = observations.latest.weight_change
    if first.ratio < limit("stuck") or higher is None or moved > limit("small_updates"):
        return None
    stood = f"{observations.steps} steps changed the weights by {moved:.2g} of their norm; " if moved >= 0 else ""
    why = (
        f"{stood}in twelve steps on sixteen images, {higher.lr:g} lowers the loss to {_times(higher.ratio)} its "
        f"initial value, {first.lr:g} to {_times(first.ratio)} that value"
    )
    evidence = measured(lr=first.lr, ratio=first.ratio, weight_change=moved, better_lr=higher.lr)
    return Diagnosis("learning_rate_too_low", SURE, why, f"optim.lr={higher.lr:g}", evidence)


def exploding_or_nonfinite(observations: Observations) -> Diagnosis | None:
    """Returns a diagnosis if weights, outputs, gradients or the loss are not finite, or the first loss is extreme."""
    largest = observations.largest
    first_loss = observations.before.initial_loss / observations.constant_loss
    counts = {
        "weights": largest.nonfinite_weights,
        "logits or features": largest.nonfinite_answers,
        "gradients": largest.nonfinite_gradients,
    }
    evidence = measured(
        nonfinite_weights=largest.nonfinite_weights,
        nonfinite_answers=largest.nonfinite_answers,
        nonfinite_gradients=largest.nonfinite_gradients,
        initial_loss_over_entropy=first_loss,
    )
    nonfinite = {name: count for name, count in counts.items() if count > 0}
    if nonfinite:
        name = max(nonfinite, key=lambda name: nonfinite[name])
        why = f"{nonfinite[name]:,.0f} {name} of the network are NaN or infinite"
        return Diagnosis("exploding_or_nonfinite", SURE, why, None, evidence)
    if observations.error is not None:
        return Diagnosis("exploding_or_nonfinite", SURE, observations.error, None, evidence)
    still = observations.after.val_loss > limit("loss_far_above") * observations.constant_loss
    if first_loss > limit("sure_and_wrong") and (failed(observations) or still):
        why = (
            f"the untrained network makes extreme and wrong predictions: its loss is {first_loss:.0f} times that of a "
            f"constant prediction"
        )
        return Diagnosis("exploding_or_nonfinite", LIKELY, why, None, evidence)
    return None


def dead_units(observations: Observations) -> Diagnosis | None:
    """Returns a diagnosis if nearly all units of a layer are 0 for every image."""
    share = observations.largest.dead_units
    if not (failed(observations) and share > limit("blocked_layer")):
        return None
    at_start = observations.before.dead_units > limit("blocked_layer")
    when = "before the first step" if at_start else "after training"
    why = f"{share:.0%} of the units of a layer are 0 for every image, {when}"
    cure = None if at_start else f"optim.lr={observations.phases[0].lr / 10:g}"
    return Diagnosis("dead_units", SURE if at_start else LIKELY, why, cure, {"dead_units": share})


def vanishing_gradient(observations: Observations) -> Diagnosis | None:
    """Returns a diagnosis if the gradient of the loss does not reach all layers."""
    for readings in (observations.before, *observations.phase_ends.values()):
        smallest, largest = readings.gradient_min, readings.gradient_max
        if failed(observations) and smallest < limit("vanishing") * largest:
            norms = readings.gradient_by_kernel
            kernel = min(norms, key=lambda name: norms[name], default="the first layers")
            why = (
                f"gradients are between {smallest:.1e} (at {kernel}) and {largest:.1e} of the norm of their weights: "
                f"layers far from the loss do not learn"
            )
            evidence = {"gradient_min": smallest, "gradient_max": largest}
            return Diagnosis("vanishing_gradient", LIKELY, why, None, evidence)
    return None


def _times(ratio: float) -> str:
    return "infinity times" if not math.isfinite(ratio) else f"{ratio:.2g} times"
