"""What a model file keeps of the images that its network was trained on, so that others can be compared with them."""

import numpy as np
import pandas as pd

from skinexp.core.randomness import rng
from skinexp.data.pipeline import Batches, Images
from skinexp.evaluation import domain_shift
from skinexp.evaluation.domain_shift import Reference
from skinexp.models.prediction import Predictions

IMAGES = 256  # of training, that are looked at: as many as the directions that are kept ask for
AT_ONCE = 64  # images read at a time


def reference(batches: Batches, predicted: Predictions, frame: pd.DataFrame, seed: int) -> Reference | None:
    """Looks at some training images with the finished network; `predicted` holds what it made of validation."""
    training = batches.train.images
    drawn = np.sort(rng(seed, "reference").permutation(len(training))[:IMAGES])
    some = Images(training.pixels, training.rows[drawn], training.labels[drawn])
    features, _ = predicted.ask(some)
    validation = predicted.features[(predicted.table["split"] == "val").to_numpy()]
    seen = frame.loc[frame["split"] != "test", "sha256"]
    return domain_shift.fit(features, validation, looks(some), names(seen))


def looks(images: Images) -> np.ndarray:
    """(n, 4) what `domain_shift.LOOKS` names, read a few images at a time."""
    parts = [
        domain_shift.looks_of(images.read(np.arange(first, min(first + AT_ONCE, len(images)))))
        for first in range(0, len(images), AT_ONCE)
    ]
    return np.concatenate(parts)


def names(sha256: pd.Series) -> np.ndarray:
    """(n,) uint64: the first half of each fingerprint, which no two of a billion images have in common by chance."""
    return np.array([int(value[:16], 16) for value in sha256], dtype=np.uint64)
