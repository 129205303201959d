"""What is wrong with images and labels, whatever the network."""

import math

from skinexp.health.chart import Chart
from skinexp.health.diagnosis import LIKELY, SURE, Diagnosis
from skinexp.health.rules.outcome import informative, is_at_chance
from skinexp.health.thresholds import limit


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
    if guesses and informative(val, val_error) and val - train > limit("label_disagreement"):
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
    blind = math.isfinite(train) and not informative(train, error)
    blind = blind and not informative(probe, chart.last("probe_error"))
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
