"""What a network says about images: logits, and the predictions table that every score and figure comes from."""

import numpy as np
import pandas as pd
from scipy.special import expit

from skinexp.data.pipeline import Batches, Images, evaluation_batches
from skinexp.data.table import metadata_columns
from skinexp.models.classifier import Classifier


def logits(classifier: Classifier, images: Images, batch_size: int) -> np.ndarray:
    """(n,) float32 logits, in the order of the images."""
    return classifier.network.predict(evaluation_batches(images, batch_size), verbose=0)[:, 0]


def predict(classifier: Classifier, batches: Batches, frame: pd.DataFrame) -> pd.DataFrame:
    """The predictions table of the validation and the test images.

    Args:
        frame: one row an image, in the order of the batches: image_id, group, label, split and metadata.

    Returns:
        One row an image: image_id, group, split, label, logit, probability, and the metadata.
    """
    tables = []
    for name, images in (("val", batches.val), ("test", batches.test)):
        rows = frame[frame["split"] == name]
        values = logits(classifier, images, batches.batch_size)
        named = rows[["image_id", "group", "split", "label"]].assign(logit=values, probability=expit(values))
        tables.append(named.join(rows[metadata_columns(frame)]))
    return pd.concat(tables, ignore_index=True)
