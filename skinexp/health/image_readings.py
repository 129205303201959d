"""Readings of the images and their labels before any network is trained on them."""

import io
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from PIL import Image

from skinexp.core.randomness import rng
from skinexp.data.pipeline import Batches, Images
from skinexp.data.preparation.image_cache import Prepared
from skinexp.data.table import Table
from skinexp.health import appearance, probes, shortcuts
from skinexp.health.readings import MISSING, Readings
from skinexp.health.rules.outcome import informative

IMAGES = 256  # of each part: about half a second's work
FILES = 128  # that are opened once more, for their size


@dataclass(frozen=True)
class Sample:
    """Some images of one part of a split.

    Attributes:
        pixels: (n, s, s, 3) uint8.
        labels: (n,) 0/1, from the table.
        groups: (n,) lesions or patients.
        members: (n,) positions of the images in their part.
        positions: of the images in the table's source.
    """

    pixels: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    members: np.ndarray
    positions: pd.Series


def read_images(prepared: Prepared, batches: Batches, seed: int) -> Readings:
    """Returns readings of the images: whether they show something, whether labels fit, and possible shortcuts.

    Args:
        prepared: the images and their table.
        batches: the three parts of the split.
        seed: of the sample of images.
    """
    frame = prepared.table.frame
    train = _draw(batches.train.images, frame[frame["split"] == "train"], seed)
    pixels = train.pixels
    readings = Readings(
        constant_images=probes.constant_share(pixels),
        noise_images=probes.noise_share(pixels),
        duplicate_images=probes.duplicate_share(pixels),
        pixel_min=float(pixels.min()),
        pixel_max=float(np.percentile(pixels[:, ::8, ::8], 99.9)),
        nonfinite_pixels=float(probes.nonfinite_count([pixels])),
        prevalence=float(np.mean(batches.train.labels)),
    )
    val = _draw(batches.val, frame[frame["split"] == "val"], seed)
    test = batches.test.read(sample(batches.test, seed, IMAGES))
    readings |= Readings(dark_images=max(map(probes.dark_share, (pixels, val.pixels, test))))
    sizes = original_sizes(prepared.table, train.positions, train.members)
    readings |= Readings(label_mismatch=_largest_label_mismatch(batches, frame))
    return readings | _read_appearance(train, val, seed) | _read_shortcuts(train, sizes, seed)


def sample(images: Images, seed: int, count: int) -> np.ndarray:
    """Returns (k,) positions of at most `count` images of a part, in ascending order; the same for the same seed."""
    return np.sort(rng(seed, "health").permutation(len(images))[:count])


def original_sizes(table: Table, positions: pd.Series, members: np.ndarray) -> np.ndarray:
    """Returns (n, 2) height and width in pixels of the image files; zeros if the images are generated.

    Args:
        table: the data set.
        positions: of the images of a part, in the table's source.
        members: positions of images in that part; the first `FILES` of them are opened.
    """
    examined = positions.to_numpy()[members[:FILES]]
    sizes = np.zeros((len(examined), 2))
    for row, position in enumerate([] if table.truth else examined):  # a table with known truth is generated
        source = table.reader(position)
        if isinstance(source, bytes):
            with Image.open(io.BytesIO(source)) as image:
                sizes[row] = image.height, image.width
        else:
            sizes[row] = source.shape[:2]
    return sizes


def _draw(images: Images, rows: pd.DataFrame, seed: int) -> Sample:
    members = sample(images, seed, IMAGES)
    labels, groups = rows["label"].to_numpy()[members], rows["group"].to_numpy()[members]
    return Sample(images.read(members), labels, groups, members, rows["position"])


def _read_appearance(train: Sample, val: Sample, seed: int) -> Readings:
    """Returns whether labels can be predicted from the appearance of images, without a network.

    In any sound data set, plain numbers about an image predict its label to some degree. If the model that is fitted on
    training images does not predict validation labels, it is fitted within each part: if it fails in one part only, the
    labels of that part belong to other images.
    """
    train_values, val_values = appearance.describe(train.pixels), appearance.describe(val.pixels)
    train_error, val_error = probes.chance_error(train.labels), probes.chance_error(val.labels)
    transferred = probes.transferred_probe_auc(train_values, train.labels, val_values, val.labels)
    train_auc = val_auc = MISSING
    if not informative(transferred, val_error):
        train_auc = probes.logistic_probe_auc(train_values, train.labels, train.groups, seed)
        val_auc = probes.logistic_probe_auc(val_values, val.labels, val.groups, seed)
    return Readings(
        appearance_auc_train=train_auc,
        appearance_error_train=train_error,
        appearance_auc_val=val_auc,
        appearance_error_val=val_error,
        appearance_auc_transferred=transferred,
    )


def _largest_label_mismatch(batches: Batches, frame: pd.DataFrame) -> float:
    """Returns the share of labels that differ from the table's: in training, validation or the first batch."""
    train, val = (frame.loc[frame["split"] == name, "label"].to_numpy() for name in ("train", "val"))
    parts = (_mismatch(batches.train.labels, train), _mismatch(batches.val.labels, val))
    return max(*parts, _mismatch_of_first_batch(batches, train))


def _mismatch(labels: np.ndarray, expected: np.ndarray) -> float:
    return float(np.mean(np.asarray(labels) != expected))


def _mismatch_of_first_batch(batches: Batches, labels: np.ndarray) -> float:
    """Returns the share of the first training batch whose image or label is not the table's.

    Args:
        batches: the three parts of the split.
        labels: (n,) 0/1, of the training images, from the table.

    Returns:
        1 if the labels of the batch have the wrong shape.
    """
    train = batches.train
    train.begin(0)
    rows, *beside = (part[: batches.batch_size] for part in train.plan())
    (images, _), given = train.arrange(train.images.pixels[rows], *beside)  # as the data set does, but without one
    if given.shape != (len(images), 1):
        return 1.0  # against (n, 1) logits a loss would compare each image with every label
    order = train.order()[: len(images)]
    same_image = (train.images.read(order) == images).reshape(len(images), -1).all(axis=1)
    return float(np.mean(~same_image | (given[:, 0] != labels[order])))


def _read_shortcuts(train: Sample, sizes: np.ndarray, seed: int) -> Readings:
    """Returns how well a property of an image alone predicts its label: mean colour, rim, size of the file."""
    colour_auc, colour_error = _predict_from(shortcuts.mean_colour(train.pixels), train, seed)
    rim_auc, rim_error = _predict_from(shortcuts.rim(train.pixels), train, seed)
    size_auc, size_error = _predict_from(sizes, train, seed)
    return Readings(
        colour_auc=colour_auc,
        colour_error=colour_error,
        rim_auc=rim_auc,
        rim_error=rim_error,
        size_auc=size_auc,
        size_error=size_error,
    )


def _predict_from(values: np.ndarray, train: Sample, seed: int) -> tuple[float, float]:
    """Returns the ROC-AUC of a logistic model on (k, c) values of the first k images, and its chance error."""
    labels, groups = train.labels[: len(values)], train.groups[: len(values)]
    varies = np.ptp(values, axis=0).any()
    area = probes.logistic_probe_auc(values, labels, groups, seed) if varies else math.nan
    return area, probes.chance_error(labels)
