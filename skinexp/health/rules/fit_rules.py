"""Causes that show in the fit: the wrong weights were kept, or the fit is too weak, too close, or constant."""

import math

from skinexp.health.diagnosis import LIKELY, POSSIBLE, SURE, Diagnosis
from skinexp.health.diagnostic_limits import limit
from skinexp.health.observations import Observations
from skinexp.health.readings import measured
from skinexp.health.rules.outcome import failed, informative, is_at_chance, is_constant


def wrong_checkpoint_restored(observations: Observations) -> Diagnosis | None:
    """Returns a diagnosis if the kept weights are not those of the best epoch."""
    after, losses = observations.after, observations.validation_losses()
    if not (losses and math.isfinite(after.val_loss) and math.isfinite(after.best_epoch)):
        return None
    monitored = observations.monitored()
    choose = max if observations.monitor != "val/loss" else min
    best = choose(range(len(monitored)), key=monitored.__getitem__)
    reported = int(after.best_epoch) - 1
    same_monitored = math.isclose(monitored[reported], monitored[best], rel_tol=1e-6)
    if _same_loss(losses[reported], after.val_loss) and same_monitored:
        return None
    similar = [epoch for epoch, loss in enumerate(losses, 1) if _same_loss(loss, after.val_loss)]
    as_in = f", as in epoch {similar[-1]}" if similar else ""
    why = (
        f"the kept weights have a validation loss of {after.val_loss:.3f}{as_in}; in the best epoch, {best + 1}, it "
        f"was {losses[best]:.3f}"
    )
    evidence = {"val_loss": after.val_loss, "val_loss_of_best_epoch": losses[best], "best_epoch": best + 1.0}
    return Diagnosis("wrong_checkpoint_restored", SURE, why, None, evidence)


def _same_loss(one: float, other: float) -> bool:
    return abs(one - other) <= limit("restored") * max(one, 0.2)


def underfitting_capacity(observations: Observations) -> Diagnosis | None:
    """Returns a diagnosis if the network does not fit the training images and nothing in it is broken."""
    losses = observations.training_losses()
    loss = losses[-1] / observations.constant_loss if losses else math.nan
    if not (failed(observations) and observations.error is None and loss > limit("weak_fit")):
        return None
    latest, (appearance_auc, appearance_error) = observations.latest, _appearance(observations)
    informed = informative(latest.probe_auc, latest.probe_error) or informative(appearance_auc, appearance_error)
    start = f"the training loss is {loss:.2f} times that of a constant prediction"
    best_probe = max((area for area in (latest.probe_auc, appearance_auc) if math.isfinite(area)), default=math.nan)
    known = f", although a logistic probe has a ROC-AUC of {best_probe:.2f}" if informed else ""
    if observations.steps < limit("short"):
        why = f"{start} after {observations.steps} steps{known}: too few steps to learn"
        cure = f"optim.epochs={math.ceil(4 * limit('short') / observations.steps_per_epoch)}"
    elif latest.weight_norm < limit("shrunk") and observations.weight_decay > 0:
        why = f"{start}{known}: weight decay has reduced the norm of the weights to {latest.weight_norm:.0%}"
        cure = "optim.weight_decay=0"
    elif observations.dropout > limit("much_dropout"):
        why = f"{start}{known}: dropout keeps {1 - observations.dropout:.0%} of the units"
        cure = "model.head.dropout=0.3 model.head.unit_dropout=0.5"
    elif informed and not is_constant(observations):
        why, cure = f"{start}{known}: the trained layers are too small, or regularised too much", "model.head.units=128"
    else:
        return None
    evidence = measured(
        train_loss_over_entropy=loss,
        probe_auc=latest.probe_auc,
        appearance_auc=appearance_auc,
        steps=float(observations.steps),
    )
    return Diagnosis("underfitting_capacity", LIKELY if informed else POSSIBLE, why, cure, evidence)


def _appearance(observations: Observations) -> tuple[float, float]:
    """Returns ROC-AUC and chance error of a model on appearance: within training images if known, else transferred."""
    before = observations.before
    if math.isfinite(before.appearance_auc_train):
        return before.appearance_auc_train, before.appearance_error_train
    return before.appearance_auc_transferred, before.appearance_error_val


def overfitting(observations: Observations) -> Diagnosis | None:
    """Returns a diagnosis if the training images are memorised and the validation loss rose meanwhile."""
    training, validation = observations.training_losses(), observations.validation_losses()
    if not validation:
        return None
    memorised = training[-1] < limit("memorised") * observations.constant_loss
    best = min(validation)
    later = sorted(validation[-3:])[len(validation[-3:]) // 2]
    if not (memorised and later > limit("unlearned_again") * best):
        return None
    epoch = validation.index(best) + 1
    why = (
        f"since epoch {epoch} the validation loss rose from {best:.2f} to {later:.2f}, while the training images are "
        f"memorised (loss {training[-1]:.3f})"
    )
    evidence = {"train_loss": training[-1], "val_loss": later, "best_val_loss": best, "best_epoch": float(epoch)}
    return Diagnosis("overfitting", LIKELY, why, "augment=dermoscopy", evidence)


def class_prior_only(observations: Observations) -> Diagnosis | None:
    """Returns a diagnosis if all images get the same prediction, whatever the reason."""
    share, spread = observations.latest.predicted_positive, observations.latest.logit_std
    one_class = is_at_chance(observations) and share in (0.0, 1.0)
    if observations.after.is_empty or not (is_constant(observations) or one_class):
        return None
    predicted = {0.0: "benign", 1.0: "malignant"}.get(share)
    what = f"every image is predicted {predicted}" if predicted else "all images get nearly the same logit"
    why = f"{what} (standard deviation of the logits {spread:.2g}), and no reading explains why"
    evidence = measured(predicted_positive=share, logit_std=spread)
    return Diagnosis("class_prior_only", POSSIBLE, why, "optim.lr=1e-3", evidence)
