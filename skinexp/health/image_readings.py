"""What the images and their labels say before any network has seen them."""

import io
import math

import numpy as np
import pandas as pd
from PIL import Image

from skinexp.core.randomness import rng
from skinexp.data.pipeline import Batches, Images
from skinexp.data.preparation.image_cache import Prepared
from skinexp.data.table import Table
from skinexp.health import appearance, probes, shortcuts
from skinexp.health.chart import Evidence
from skinexp.health.rules.outcome import informative

IMAGES = 256  # of each part: as many as a fraction of a second's work
FILES = 128  # that are opened once more, for their size


def read(prepared: Prepared, batches: Batches, seed: int) -> Evidence:
    """Readings of the training images: whether they are pictures, whether labels fit, and what else tells the label."""
    frame = prepared.table.frame
    training = frame[frame["split"] == "train"]
    members = sample(batches.train.images, seed, IMAGES)
    pixels, labels = batches.train.images.read(members), training["label"].to_numpy()[members]
    groups = training["group"].to_numpy()[members]
    return {
        "constant_images": probes.constant_share(pixels),
        "noise_images": probes.noise_share(pixels),
        "duplicate_images": probes.duplicate_share(pixels),
        "pixel_min": float(pixels.min()),
        "pixel_max": float(np.percentile(pixels[:, ::8, ::8], 99.9)),
        "nonfinite_pixels": float(probes.nonfinite_count([pixels])),
        "prevalence": float(np.mean(batches.train.labels)),
        **_of_labels(prepared, batches, seed),
        **_of_shortcuts(pixels, labels, groups, original_sizes(prepared.table, training["position"], members), seed),
    }


def sample(images: Images, seed: int, count: int) -> np.ndarray:
    """(k,) members of a part, at most `count`, always the same for a seed; in the order of the part."""
    return np.sort(rng(seed, "health").permutation(len(images))[:count])


def _of_labels(prepared: Prepared, batches: Batches, seed: int) -> Evidence:
    """Whether images meet their own labels on the way to the network, and whether labels can be told from images.

    Plain numbers about an image tell lesions apart to some degree in any sound data set. Where what they tell of
    training images does not hold for validation images, each part is asked by itself: if those of one tell nothing, and
    those of the other do, one part's labels belong to other images.
    """
    frame = prepared.table.frame
    parts = dict(iter(frame.groupby("split")))
    wrong = [_mismatch(batches.train.labels, parts["train"]), _mismatch(batches.val.labels, parts["val"])]
    wrong.append(_mismatch_of_first_batch(batches, parts["train"]["label"].to_numpy()))
    found: Evidence = {"label_mismatch": max(wrong)}
    seen: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
    for name, images in (("train", batches.train.images), ("val", batches.val)):
        members = sample(images, seed, IMAGES)
        labels, groups = parts[name]["label"].to_numpy()[members], parts[name]["group"].to_numpy()[members]
        seen[name] = appearance.describe(images.read(members)), labels, groups
        found[f"appearance_error_{name}"] = probes.chance_error(labels)
    across = probes.transferred_probe_auc(*seen["train"][:2], *seen["val"][:2])
    found["appearance_auc_transferred"] = across
    if not informative(across, found["appearance_error_val"]):
        found |= {f"appearance_auc_{name}": probes.logistic_probe_auc(*part, seed) for name, part in seen.items()}
    return found


def _mismatch(labels: np.ndarray, rows: pd.DataFrame) -> float:
    return float(np.mean(np.asarray(labels) != rows["label"].to_numpy()))


def _mismatch_of_first_batch(batches: Batches, labels: np.ndarray) -> float:
    """Share of the first training batch whose label is not its image's in the table; 1 where its shape is wrong."""
    train = batches.train
    train.begin(0)
    rows, *beside = (part[: batches.batch_size] for part in train.plan())
    (images, _), given = train.arrange(train.images.pixels[rows], *beside)  # as the data set does, but without one
    if given.shape != (len(images), 1):
        return 1.0  # against (n, 1) logits a loss would compare each image with every label
    order = train.order()[: len(images)]
    same_image = (train.images.read(order) == images).reshape(len(images), -1).all(axis=1)
    return float(np.mean(~same_image | (given[:, 0] != labels[order])))


def _of_shortcuts(pixels: np.ndarray, labels: np.ndarray, groups: np.ndarray, sizes: np.ndarray, seed: int) -> Evidence:
    views = {"colour": shortcuts.mean_colour(pixels), "rim": shortcuts.rim(pixels), "size": sizes}
    found: Evidence = {}
    for name, values in views.items():
        varies, shown = np.ptp(values, axis=0).any(), labels[: len(values)]
        area = probes.logistic_probe_auc(values, shown, groups[: len(values)], seed) if varies else math.nan
        found |= {f"{name}_auc": area, f"{name}_error": probes.chance_error(shown)}
    return found


def original_sizes(table: Table, positions: pd.Series, members: np.ndarray) -> np.ndarray:
    """(n, 2) height and width in pixels that images had as files; zeros where they are drawn, all alike.

    Args:
        positions: of the images of a part, in the table's source.
        members: of that part; the first `FILES` of them are looked at.
    """
    looked_at = positions.to_numpy()[members[:FILES]]
    found = np.zeros((len(looked_at), 2))
    for row, position in enumerate([] if table.truth else looked_at):  # what is known beforehand was drawn
        source = table.reader(position)
        if not isinstance(source, bytes):
            break
        with Image.open(io.BytesIO(source)) as image:
            found[row] = image.height, image.width
    return found
