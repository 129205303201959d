"""What training made of it: whether the kept weights are the best, and know enough, or too much by heart."""

import math

from skinexp.health.chart import Chart
from skinexp.health.diagnosis import LIKELY, POSSIBLE, SURE, Diagnosis
from skinexp.health.rules.outcome import failed, informative, is_at_chance, is_constant
from skinexp.health.thresholds import limit


def wrong_checkpoint_restored(chart: Chart) -> Diagnosis | None:
    """The weights that were kept are not those of the best epoch."""
    measured, losses = chart.after.get("val_loss", math.nan), chart.course("val/loss")
    best_epoch = chart.after.get("best_epoch", math.nan)
    if not (losses and math.isfinite(measured) and math.isfinite(best_epoch)):
        return None
    monitored = chart.course(chart.monitor)
    ideal = (max if chart.monitor != "val/loss" else min)(range(len(monitored)), key=monitored.__getitem__)
    kept = losses[int(best_epoch) - 1]
    close = [epoch for epoch, loss in enumerate(losses, 1) if _same_loss(loss, measured)]
    seen = {"val_loss": measured, "val_loss_of_best_epoch": losses[ideal], "best_epoch": ideal + 1.0}
    if _same_loss(kept, measured) and math.isclose(monitored[int(best_epoch) - 1], monitored[ideal], rel_tol=1e-6):
        return None
    whose = f", as in epoch {close[-1]}" if close else ""
    why = (
        f"the kept weights have a validation loss of {measured:.3f}{whose}; in the best epoch, {ideal + 1}, it was "
        f"{losses[ideal]:.3f}"
    )
    return Diagnosis("wrong_checkpoint_restored", SURE, why, None, seen)


def _same_loss(one: float, other: float) -> bool:
    return abs(one - other) <= limit("restored") * max(one, 0.2)


def underfitting_capacity(chart: Chart) -> Diagnosis | None:
    """The information is there, no fault of the network keeps it from learning, and it does not."""
    loss = chart.last_epoch("train/loss") / chart.entropy
    if not (failed(chart) and chart.error is None and loss > limit("weak_fit")):
        return None
    probe, (plain, plain_error) = chart.last("probe_auc"), _plain_numbers(chart)
    informed = informative(probe, chart.last("probe_error")) or informative(plain, plain_error)
    shrunk = chart.last("weight_norm")
    seen = {
        "train_loss_over_entropy": loss,
        "probe_auc": probe,
        "appearance_auc": plain,
        "steps": float(chart.steps),
    }
    start = f"the training loss is {loss:.2f} times that of a constant answer"
    known = f", while a logistic probe reads an AUC of {max(probe, plain):.2f}" if informed else ""
    if chart.steps < limit("short"):
        why, cure = (
            f"{start} after {chart.steps} steps{known}: too few to learn in",
            f"optim.epochs={_more_epochs(chart)}",
        )
    elif shrunk < limit("shrunk") and chart.weight_decay > 0:
        why = f"{start}{known}: weight decay has shrunk the weights to {shrunk:.0%}"
        cure = "optim.weight_decay=0"
    elif chart.dropout > limit("much_dropout"):
        why = f"{start}{known}: dropout keeps {1 - chart.dropout:.0%} of the units"
        cure = "model.head.dropout=0.3 model.head.unit_dropout=0.5"
    elif informed and not is_constant(chart):
        why, cure = f"{start}{known}: what learns is too small, or held back", "model.head.units=128"
    else:
        return None
    return Diagnosis("underfitting_capacity", LIKELY if informed else POSSIBLE, why, cure, seen)


def _plain_numbers(chart: Chart) -> tuple[float, float]:
    """ROC-AUC of plain numbers about images, and its error: within training images if that was asked, else across."""
    for part, counted in (("train", "train"), ("transferred", "val")):
        area = chart.before.get(f"appearance_auc_{part}", math.nan)
        if math.isfinite(area):
            return area, chart.before[f"appearance_error_{counted}"]
    return math.nan, math.nan


def _more_epochs(chart: Chart) -> int:
    return math.ceil(4 * limit("short") / chart.steps_an_epoch)


def overfitting(chart: Chart) -> Diagnosis | None:
    """Training images are known by heart, and validation images got worse for it."""
    training, validation = chart.course("train/loss"), chart.course("val/loss")
    if not validation:
        return None
    memorised = training[-1] < limit("memorised") * chart.entropy
    best = min(validation)
    later = sorted(validation[-3:])[len(validation[-3:]) // 2]
    if not (memorised and later > limit("unlearned_again") * best):
        return None
    epoch = validation.index(best) + 1
    why = (
        f"since epoch {epoch} the validation loss rose from {best:.2f} to {later:.2f}, while training images are known "
        f"by heart (loss {training[-1]:.3f})"
    )
    seen = {"train_loss": training[-1], "val_loss": later, "best_val_loss": best, "best_epoch": float(epoch)}
    return Diagnosis("overfitting", LIKELY, why, "augment=dermoscopy", seen)


def class_prior_only(chart: Chart) -> Diagnosis | None:
    """All images get the same answer, whatever the reason."""
    share, spread = chart.last("predicted_positive"), chart.last("logit_std")
    if not chart.after or not (is_constant(chart) or (is_at_chance(chart) and share in (0.0, 1.0))):
        return None
    called = {0.0: "benign", 1.0: "malignant"}.get(share)
    what = f"every image is called {called}" if called else "all images get nearly the same answer"
    why = f"{what} (standard deviation of logits {spread:.2g}), and nothing that was looked at says why"
    seen = {"predicted_positive": share, "logit_std": spread}
    return Diagnosis("class_prior_only", POSSIBLE, why, "optim.lr=1e-3", seen)
