"""Causes in the images and their labels, whatever the network."""

import math
from dataclasses import dataclass

from skinexp.core.number_format import two_decimals
from skinexp.health.diagnosis import LIKELY, SURE, Diagnosis
from skinexp.health.diagnostic_limits import limit
from skinexp.health.observations import Observations
from skinexp.health.readings import Readings, measured
from skinexp.health.rules.outcome import informative, is_at_chance

MISALIGNED = "labels_shuffled_or_misaligned"


def data_constant_or_corrupt(observations: Observations) -> Diagnosis | None:
    """Returns a diagnosis if many images show nothing, or are the same."""
    before = observations.before
    evidence = measured(
        nonfinite_pixels=before.nonfinite_pixels,
        constant_images=before.constant_images,
        noise_images=before.noise_images,
        dark_images=before.dark_images,
        duplicate_images=before.duplicate_images,
    )
    if before.nonfinite_pixels > 0:
        why = f"{before.nonfinite_pixels:.0f} pixel values are NaN or infinite"
    elif before.constant_images > limit("bad_images"):
        why = f"{before.constant_images:.0%} of the training images have only one colour"
    elif before.noise_images > limit("bad_images"):
        why = f"{before.noise_images:.0%} of the training images are noise"
    elif before.dark_images > limit("bad_images"):
        why = (
            f"{before.dark_images:.0%} of the images of one part are nearly black, as those are whose files use fewer "
            f"bits than they have: see data.pixel_bits"
        )
    elif before.duplicate_images > limit("copies"):
        why = f"{before.duplicate_images:.0%} of the training images are copies of others, pixel by pixel"
    else:
        return None
    return Diagnosis("data_constant_or_corrupt", SURE, why, None, evidence)


def labels_misaligned(observations: Observations) -> Diagnosis | None:
    """Returns a diagnosis if images do not have their own labels, or the labels of one part belong to other images."""
    before = observations.before
    evidence = measured(
        label_mismatch=before.label_mismatch,
        appearance_auc_train=before.appearance_auc_train,
        appearance_auc_val=before.appearance_auc_val,
        appearance_auc_transferred=before.appearance_auc_transferred,
    )
    if before.label_mismatch > limit("label_mismatch"):
        why = f"{before.label_mismatch:.0%} of a batch's images have a label that differs from the table's"
        return Diagnosis(MISALIGNED, SURE, why, None, evidence)
    train, val, across = before.appearance_auc_train, before.appearance_auc_val, before.appearance_auc_transferred
    if across < 0.5 - limit("informative") * before.appearance_error_val:
        why = (
            f"a logistic model that is fitted to the appearance of the training images predicts the opposite of the "
            f"validation labels (ROC-AUC {across:.2f}): the labels of one part are inverted"
        )
        return Diagnosis(MISALIGNED, SURE, why, None, evidence)
    guesses = train < 0.5 + limit("chance") * before.appearance_error_train
    if guesses and informative(val, before.appearance_error_val) and val - train > limit("label_disagreement"):
        why = (
            f"the appearance of the validation images predicts their labels (ROC-AUC {val:.2f}), that of the training "
            f"images does not ({train:.2f}): the training labels belong to other images"
        )
        return Diagnosis(MISALIGNED, LIKELY, why, None, evidence)
    return None


def labels_without_information(observations: Observations) -> Diagnosis | None:
    """Returns a diagnosis if nothing predicts the labels although the network can memorise images."""
    probe = observations.latest.probe_auc
    train, error = observations.before.appearance_auc_train, observations.before.appearance_error_train
    uninformative = math.isfinite(train) and not informative(train, error)
    uninformative = uninformative and not informative(probe, observations.latest.probe_error)
    memorises = bool(observations.overfit_results) and observations.overfit_results[0].fitted
    if not (is_at_chance(observations) and uninformative and memorises):
        return None
    val_auc = observations.after.val_auc
    by_probe = f" nor a logistic probe on the network's features ({probe:.2f})," if math.isfinite(probe) else ""
    why = (
        f"the network can memorise sixteen images, but nothing predicts the labels of other images: neither their "
        f"appearance (ROC-AUC {train:.2f}),{by_probe} nor the network ({two_decimals(val_auc)}). "
        "The labels are shuffled, or the images do not show the diagnosis"
    )
    evidence = measured(appearance_auc_train=train, probe_auc=probe, val_auc=val_auc)
    return Diagnosis(MISALIGNED, LIKELY, why, None, evidence)


@dataclass(frozen=True)
class Shortcut:
    """How well one property of an image, which is no sign of the lesion, predicts its label.

    Attributes:
        name: the property, in words.
        auc: ROC-AUC of a logistic model on it alone.
        error: standard error of the ROC-AUC of random scores.
        cure: an override that removes it, or None.
    """

    name: str
    auc: float
    error: float
    cure: str | None

    @property
    def lower_bound(self) -> float:
        """The ROC-AUC less what chance may add."""
        return self.auc - limit("chance") * self.error


def shortcut_suspected(observations: Observations) -> Diagnosis | None:
    """Returns a diagnosis if something other than the lesion predicts the label well."""
    before = observations.before
    candidates = [shortcut for shortcut in _shortcuts(before) if math.isfinite(shortcut.auc)]
    best = max(candidates, key=lambda shortcut: shortcut.lower_bound, default=None)
    if best is None or not best.lower_bound > limit("shortcut"):
        return None
    network = observations.after.val_auc
    beside = f", the network {network:.2f}" if math.isfinite(network) else ""
    why = f"the {best.name} of an image alone predicts its label (ROC-AUC {best.auc:.2f}{beside})"
    evidence = measured(colour_auc=before.colour_auc, rim_auc=before.rim_auc, size_auc=before.size_auc, val_auc=network)
    return Diagnosis("shortcut_suspected", LIKELY, why, best.cure, evidence)


def _shortcuts(before: Readings) -> list[Shortcut]:
    return [
        Shortcut("mean colour", before.colour_auc, before.colour_error, "data.preprocess.colour_constancy=true"),
        Shortcut("rim", before.rim_auc, before.rim_error, "data.preprocess.crop_border=true"),
        Shortcut("size in pixels", before.size_auc, before.size_error, None),
    ]
