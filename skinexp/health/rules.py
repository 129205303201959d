"""From numbers to names: each rule knows one cause, and says nothing where its evidence is missing.

Rules come in the order in which causes act: what an earlier one finds explains what a later one sees. A cause that a
check or an experiment shows is named even where the network learned all the same; one that only symptoms speak for,
only where it did not.
"""

import math
from collections.abc import Callable
from dataclasses import replace

from skinexp.health.chart import Chart, Evidence
from skinexp.health.diagnosis import LIKELY, POSSIBLE, SURE, Diagnosis
from skinexp.health.thresholds import limit

Rule = Callable[[Chart], Diagnosis | None]


def diagnose(chart: Chart) -> list[Diagnosis]:
    """What is wrong, the first cause first; what follows from it is listed within it.

    Returns:
        Empty where nothing is wrong.
    """
    found = [diagnosis for rule in RULES if (diagnosis := rule(chart))]
    if not found:
        return []
    cause, *others = found
    symptoms = SYMPTOMS if chart.pretrained else SYMPTOMS | {BATCHNORM}  # unfrozen on purpose, it is a cause
    follows = tuple(other.name for other in others if other.name in symptoms)
    return [replace(cause, consequences=follows), *(other for other in others if other.name not in follows)]


# --- how it ended -----------------------------------------------------------------------------------------------------


def is_constant(chart: Chart) -> bool:
    """Whether the network gives all images the same answer."""
    return chart.last("logit_std") < limit("constant_logits")


def is_at_chance(chart: Chart) -> bool:
    """Whether its order of the validation images could be a guess; never where they are too few to tell."""
    area = chart.after.get("val_auc", math.nan)
    return is_decidable(chart) and area < 0.5 + limit("chance") * chart.chance_error


def is_decidable(chart: Chart) -> bool:
    """Whether there are enough validation images for an AUC to say something."""
    return chart.chance_error < limit("undecidable")


def failed(chart: Chart) -> bool:
    """Whether the training came to nothing; before it has begun, whether sixteen images cannot be learned."""
    if not chart.after and chart.error is None:
        return bool(chart.trials) and not chart.trials[0].fitted
    return chart.error is not None or is_constant(chart) or is_at_chance(chart)


def _informative(area: float, error: float) -> bool:
    return area > 0.5 + limit("informative") * error


def _end(values: list[float]) -> float:
    return values[-1] if values else math.nan


# --- images and labels ------------------------------------------------------------------------------------------------


def data_constant_or_corrupt(chart: Chart) -> Diagnosis | None:
    """Many images are no pictures, or the same."""
    said = {
        "nonfinite_pixels": ("{:.0f} pixel values are no numbers", 0.0),
        "constant_images": ("{:.0%} of the training images show nothing but one colour", limit("bad_images")),
        "noise_images": ("{:.0%} of the training images are noise", limit("bad_images")),
        "duplicate_images": ("{:.0%} of the training images are copies of others, pixel by pixel", limit("copies")),
    }
    seen = {name: chart.before.get(name, math.nan) for name in said}
    for name, (words, most) in said.items():
        if seen[name] > most:
            return Diagnosis("data_constant_or_corrupt", SURE, words.format(seen[name]), None, seen)
    return None


def labels_misaligned(chart: Chart) -> Diagnosis | None:
    """Images do not meet their own labels, or labels of one part belong to other images."""
    before = chart.before
    names = ("label_mismatch", "appearance_auc_train", "appearance_auc_val", "appearance_auc_transferred")
    seen = {name: before.get(name, math.nan) for name in names}
    if seen["label_mismatch"] > limit("label_mismatch"):
        why = f"{seen['label_mismatch']:.0%} of a batch's images come with a label that is not theirs in the table"
        return Diagnosis("labels_shuffled_or_misaligned", SURE, why, None, seen)
    train_error, val_error = (
        before.get("appearance_error_train", math.nan),
        before.get("appearance_error_val", math.nan),
    )
    train, val, across = seen["appearance_auc_train"], seen["appearance_auc_val"], seen["appearance_auc_transferred"]
    if across < 0.5 - limit("informative") * val_error:
        why = (
            f"what tells the classes apart in training images tells them the other way round in validation images "
            f"(AUC {across:.2f}): one part's labels are turned"
        )
        return Diagnosis("labels_shuffled_or_misaligned", SURE, why, None, seen)
    guesses = train < 0.5 + limit("chance") * train_error
    if guesses and _informative(val, val_error) and val - train > limit("label_disagreement"):
        why = (
            f"plain numbers about validation images tell their labels (AUC {val:.2f}), those of training images do not "
            f"({train:.2f}): training labels belong to other images"
        )
        return Diagnosis("labels_shuffled_or_misaligned", LIKELY, why, None, seen)
    return None


def labels_without_information(chart: Chart) -> Diagnosis | None:
    """Nothing that was tried tells the labels, while the network can learn images by heart."""
    before, probe = chart.before, chart.last("probe_auc")
    train, error = before.get("appearance_auc_train", math.nan), before.get("appearance_error_train", math.nan)
    blind = math.isfinite(train) and not _informative(train, error)
    blind = blind and not _informative(probe, chart.last("probe_error"))
    learns = bool(chart.trials) and chart.trials[0].fitted
    if not (is_at_chance(chart) and blind and learns):
        return None
    why = (
        f"sixteen images can be learned by heart, but nothing tells the labels of others: neither plain numbers (AUC "
        f"{train:.2f}) nor the network's features ({probe:.2f}) nor the network ({chart.after['val_auc']:.2f}). The "
        f"labels are shuffled, or the images do not show what they say"
    )
    seen = {"appearance_auc_train": train, "probe_auc": probe, "val_auc": chart.after["val_auc"]}
    return Diagnosis("labels_shuffled_or_misaligned", LIKELY, why, None, seen)


def shortcut_suspected(chart: Chart) -> Diagnosis | None:
    """Something beside the lesion predicts the label, about as well as the network does."""
    names = {"colour": "mean colour", "rim": "rim", "size": "size in pixels"}
    areas = {name: chart.before.get(f"{name}_auc", math.nan) for name in names}
    sure = {
        name: area - limit("chance") * chart.before.get(f"{name}_error", math.nan)
        for name, area in areas.items()
        if math.isfinite(area)
    }
    name = max(sure, key=lambda item: sure[item], default=None)
    if name is None or not sure[name] > limit("shortcut"):
        return None
    cures = {"colour": "data.preprocess.colour_constancy=true", "rim": "data.preprocess.crop_border=true", "size": None}
    network = chart.after.get("val_auc", math.nan)
    beside = f", the network {network:.2f}" if math.isfinite(network) else ""
    why = f"the {names[name]} of a picture alone predicts its label (AUC {areas[name]:.2f}{beside})"
    seen = {f"{key}_auc": area for key, area in areas.items()} | {"val_auc": network}
    return Diagnosis("shortcut_suspected", LIKELY, why, cures[name], seen)


# --- the network as it was built --------------------------------------------------------------------------------------


def wrong_input_range(chart: Chart) -> Diagnosis | None:
    """What enters the backbone is not what it was trained on."""
    before, (chosen, expected) = chart.before, chart.scaling
    names = ("input_error", "input_min", "input_max", "pixel_max", "feature_cosine", "probe_auc")
    seen = {name: before[name] for name in names if name in before}
    pixel_max = before.get("pixel_max", math.nan)
    if pixel_max <= limit("byte_range") and before.get("constant_images", 1) <= limit("bad_images"):
        why = f"pixels go up to {pixel_max:g} only, where every network here takes 0 to 255"
        return Diagnosis("wrong_input_range", SURE, why, None, seen)
    if before.get("input_error", math.nan) > limit("input_error") and (chart.pretrained or failed(chart)):
        what = "its weights were trained on" if chart.pretrained else "it was designed for"
        why = (
            f"{chart.network} gets inputs from {before['input_min']:.3g} to {before['input_max']:.3g} "
            f"(model.input_scaling={chosen}), {what} {RANGES[expected]}"
        )
        confidence = SURE if chart.pretrained else LIKELY
        return Diagnosis("wrong_input_range", confidence, why, "model.input_scaling=contract", seen)
    better = _in_other_ranges(before)
    scaling = min(better, key=lambda name: better[name], default=None)
    if scaling and _is_dead(before) and better[scaling] < limit("awake"):
        why = (
            f"all images look alike to {chart.network} (cosine of features {before['feature_cosine']:.4f}), and would "
            f"not with inputs in {RANGES[scaling]} ({better[scaling]:.2f})"
        )
        return Diagnosis(
            "wrong_input_range", SURE, why, f"model.input_scaling={scaling}", seen | {"cosine_then": better[scaling]}
        )
    return None


def frozen_random_backbone(chart: Chart) -> Diagnosis | None:
    """The head stands on layers that nobody trained and that cannot learn."""
    before = chart.before
    share = before.get("untrained_kernels", math.nan)
    seen = {name: before[name] for name in ("untrained_kernels", "feature_cosine") if name in before}
    if share > limit("untrained"):
        why = f"{share:.0%} of the frozen layers hold what their initializer draws: nobody has trained them"
        return Diagnosis("frozen_random_backbone", SURE, why, "model.weights=imagenet", seen)
    sees_nothing = _is_dead(before) and not any(cosine < limit("awake") for cosine in _in_other_ranges(before).values())
    if chart.backbone_frozen and sees_nothing and failed(chart):
        why = (
            f"the frozen backbone sees no difference between images (cosine of features "
            f"{before['feature_cosine']:.4f}) in any range of inputs: its weights do not know such images, or are "
            f"damaged"
        )
        return Diagnosis("frozen_random_backbone", POSSIBLE, why, "model.weights=imagenet", seen)
    return None


def _is_dead(before: Evidence) -> bool:
    return before.get("feature_cosine", math.nan) > limit("constant_features")


def _in_other_ranges(before: Evidence) -> dict[str, float]:
    """The features' cosine if inputs were scaled otherwise, by the scaling; empty where nobody asked."""
    prefix = "cosine_if_"
    return {name.removeprefix(prefix): value for name, value in before.items() if name.startswith(prefix)}


RANGES = {"unit": "0..1", "tf": "-1..1", "byte": "0..255"}


# --- learning ---------------------------------------------------------------------------------------------------------


def learning_rate_too_high(chart: Chart) -> Diagnosis | None:
    """Steps throw the weights about: a lower rate learns what this one cannot."""
    if fault := _jump_of_later_phase(chart):
        return fault
    if not chart.trials:
        return None
    first, lower = (
        chart.trials[0],
        [trial for trial in chart.trials[1:] if trial.fitted and trial.lr < chart.trials[0].lr],
    )
    losses = chart.course("train/loss", chart.phases[0].name)
    seen = {"lr": first.lr, "ratio": first.ratio, "train_loss": _end(losses), "entropy": chart.entropy}
    if not failed(chart):
        return None
    initial = chart.before.get("initial_loss", math.nan)
    if first.fitted and max(losses, default=0.0) > max(limit("loss_far_above") * chart.entropy, 1.2 * initial):
        why = (
            f"sixteen images can be learned at {first.lr:g}, but all of them took the training loss to "
            f"{max(losses):.3g}, where a constant answer has {chart.entropy:.2f}"
        )
        seen |= {"train_loss": max(losses), "initial_loss": initial}
        return Diagnosis("learning_rate_too_high", LIKELY, why, f"optim.lr={first.lr / 10:g}", seen)
    if not first.fitted and lower:
        best = lower[0]
        why = (
            f"at {first.lr:g} the loss of sixteen images goes to {_times(first.ratio)} in twelve steps, at "
            f"{best.lr:g} to {_times(best.ratio)}"
        )
        return Diagnosis("learning_rate_too_high", SURE, why, f"optim.lr={best.lr:g}", seen | {"better_lr": best.lr})
    return None


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
    stood = (
        f"in {chart.steps} steps at {first.lr:g} the weights moved by {moved:.2g} of what they are; "
        if moved >= 0
        else ""
    )
    why = (
        f"{stood}on sixteen images {higher[0].lr:g} lowers the loss to {_times(higher[0].ratio)} in twelve steps, "
        f"{first.lr:g} to {_times(first.ratio)}"
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
    if first_loss > limit("sure_and_wrong") and failed(chart):
        why = f"the untrained network is sure and wrong: its loss is {first_loss:.0f} times that of a constant answer"
        return Diagnosis("exploding_or_nonfinite", LIKELY, why, None, seen)
    return None


def batchnorm_unfrozen_or_stale(chart: Chart) -> Diagnosis | None:
    """A pretrained backbone's statistics are overwritten, or those of a new one are still what they began with."""
    for name, evidence in (("the kept weights", chart.after), *chart.ends.items()):
        learning = evidence.get("normalizations_learning", 0)
        gap, stale = _mode_gap(evidence), evidence.get("stale_statistics", math.nan)
        hurts = gap > limit("mode_gap")
        seen = {"mode_gap": gap, "stale_statistics": stale, "normalizations": learning}
        if chart.pretrained and learning:
            why = f"BatchNormalization of the pretrained backbone learns (seen in {name})"
            why += (
                f": {_two_losses(evidence)}"
                if hurts
                else ", and replaces statistics that its weights were learned with"
            )
            return Diagnosis(BATCHNORM, SURE if hurts else LIKELY, why, "model.batch_norm=frozen", seen)
        if stale > limit("stale") and (hurts or failed(chart)):
            why = f"{stale:.0%} of the running statistics are still as initialised: {_two_losses(evidence)}"
            return Diagnosis(BATCHNORM, SURE, why, "model.batch_norm_momentum=0.9", seen)
    return None


def statistics_do_not_fit(chart: Chart) -> Diagnosis | None:
    """Running statistics are not those of the images, for a reason that is not seen."""
    gap = _mode_gap(chart.after)
    if not (gap > limit("mode_gap") and chart.after["inference_loss"] > chart.entropy):
        return None
    why = f"running statistics do not fit: {_two_losses(chart.after)}"
    return Diagnosis(BATCHNORM, LIKELY, why, "optim.batch_size=32", {"mode_gap": gap})


BATCHNORM = "batchnorm_unfrozen_or_stale"


def _mode_gap(evidence: Evidence) -> float:
    return evidence.get("inference_loss", math.nan) - evidence.get("own_statistics_loss", math.nan)


def _two_losses(evidence: Evidence) -> str:
    return (
        f"the same images have a loss of {evidence.get('inference_loss', math.nan):.2f} in inference and of "
        f"{evidence.get('own_statistics_loss', math.nan):.2f} with their own statistics"
    )


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


# --- what training made of it -----------------------------------------------------------------------------------------


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
    loss = _end(chart.course("train/loss")) / chart.entropy
    if not (failed(chart) and chart.error is None and loss > limit("weak_fit")):
        return None
    probe, thumbnail = chart.last("probe_auc"), chart.before.get("appearance_auc_train", math.nan)
    informed = _informative(probe, chart.last("probe_error")) or _informative(
        thumbnail, chart.before.get("appearance_error_train", math.nan)
    )
    shrunk = chart.last("weight_norm")
    seen = {
        "train_loss_over_entropy": loss,
        "probe_auc": probe,
        "appearance_auc": thumbnail,
        "steps": float(chart.steps),
    }
    start = f"the training loss is {loss:.2f} times that of a constant answer"
    known = f", while a logistic probe reads an AUC of {max(probe, thumbnail):.2f}" if informed else ""
    if chart.steps < limit("short"):
        why, cure = (
            f"{start} after {chart.steps} steps{known}: too few to learn in",
            f"optim.epochs={_more_epochs(chart)}",
        )
    elif shrunk < limit("shrunk") and chart.weight_decay > 0:
        why = f"{start}{known}: weight decay has shrunk the weights to {shrunk:.0%}"
        cure = "optim.weight_decay=0"
    elif chart.dropout > 0.7:
        why, cure = f"{start}{known}: dropout keeps {1 - chart.dropout:.0%} of the units", "model.head.unit_dropout=0.5"
    elif informed and not is_constant(chart):
        why, cure = f"{start}{known}: what learns is too small, or held back", "model.head.units=128"
    else:
        return None
    return Diagnosis("underfitting_capacity", LIKELY if informed else POSSIBLE, why, cure, seen)


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


RULES: tuple[Rule, ...] = (
    data_constant_or_corrupt,
    wrong_input_range,
    labels_misaligned,
    frozen_random_backbone,
    learning_rate_too_high,
    exploding_or_nonfinite,
    batchnorm_unfrozen_or_stale,
    dead_units,
    learning_rate_too_low,
    vanishing_gradient,
    wrong_checkpoint_restored,
    statistics_do_not_fit,
    labels_without_information,
    underfitting_capacity,
    shortcut_suspected,
    overfitting,
    class_prior_only,
)

SYMPTOMS = {  # which an earlier cause explains
    "exploding_or_nonfinite",
    "dead_units",
    "vanishing_gradient",
    "learning_rate_too_low",
    "underfitting_capacity",
    "overfitting",
    "labels_shuffled_or_misaligned",
    "class_prior_only",
}


def _times(ratio: float) -> str:
    return "infinity" if not math.isfinite(ratio) else f"{ratio:.2g} times"
