"""Statistics of the training images in a model file, with which new images can be compared."""

import numpy as np
import pandas as pd

from skinexp.core.randomness import rng
from skinexp.data.pipeline import Batches, Images
from skinexp.evaluation import domain_shift
from skinexp.evaluation.domain_shift import Reference
from skinexp.models.prediction import Predictions

IMAGES = 256  # training images that are looked at: enough for the directions that are kept
IMAGES_AT_ONCE = 64  # read into memory


def training_statistics(batches: Batches, predicted: Predictions, frame: pd.DataFrame, seed: int) -> Reference | None:
    """Returns the statistics of some training images under the trained network; None if they are too few.

    Args:
        batches: of the training images.
        predicted: the network's predictions, with the features of the validation images.
        frame: one row per image: split and sha256.
        seed: of the choice of images.
    """
    training = batches.train.images
    drawn = np.sort(rng(seed, "reference").permutation(len(training))[:IMAGES])
    some = Images(training.pixels, training.rows[drawn], training.labels[drawn])
    features, _ = predicted.forward(some)
    validation = predicted.features[(predicted.table["split"] == "val").to_numpy()]
    seen = frame.loc[frame["split"] != "test", "sha256"]
    return domain_shift.fit(features, validation, colour_statistics(some), image_fingerprints(seen))


def colour_statistics(images: Images) -> np.ndarray:
    """Returns (n, 4) the colour statistics `domain_shift.LOOKS`, read a few images at a time."""
    parts = [
        domain_shift.looks_of(images.read(np.arange(first, min(first + IMAGES_AT_ONCE, len(images)))))
        for first in range(0, len(images), IMAGES_AT_ONCE)
    ]
    return np.concatenate(parts)


def image_fingerprints(sha256: pd.Series) -> np.ndarray:
    """Returns (n,) uint64, the first half of each SHA-256: no two of a billion images share one by chance."""
    return np.array([int(value[:16], 16) for value in sha256], dtype=np.uint64)
