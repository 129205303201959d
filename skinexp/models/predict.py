"""What a network says about images: logits, and the predictions table that every score and figure comes from."""

from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd
from scipy.special import expit

from skinexp.data.pipeline import Batches, Images, evaluation_batches
from skinexp.data.table import metadata_columns
from skinexp.models.classifier import FEATURES, Classifier
from skinexp.models.extractor import Whole


@dataclass(frozen=True)
class Predictions:
    """What a network says of the validation and the test images.

    Attributes:
        table: one row an image: image_id, group, split, label, logit, probability, and the metadata.
        features: (n, c) float32, the pooled features of the table's rows.
    """

    table: pd.DataFrame
    features: np.ndarray


def predict(classifier: Classifier, batches: Batches, frame: pd.DataFrame) -> Predictions:
    """Asks the network, in inference mode, about each validation and test image once.

    Args:
        frame: one row an image, in the order of the batches: image_id, group, label, split and metadata.
    """
    network = classifier.network
    graph = keras.Function(network.inputs[0], [network.get_layer(FEATURES).output, network.output])
    whole = Whole(graph, network)
    tables, features = [], []
    for name, images in (("val", batches.val), ("test", batches.test)):
        pooled, values = _answers(whole, images, batches.batch_size)
        rows = frame[frame["split"] == name]
        named = rows[["image_id", "group", "split", "label"]].assign(logit=values, probability=expit(values))
        tables.append(named.join(rows[metadata_columns(frame)]))
        features.append(pooled)
    return Predictions(pd.concat(tables, ignore_index=True), np.concatenate(features))


def _answers(whole: keras.Model, images: Images, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
    """(n, c) features and (n,) logits, float32, in the order of the images."""
    features, logits = whole.predict(evaluation_batches(images, batch_size), verbose=0)
    return np.asarray(features, np.float32), np.asarray(logits, np.float32)[:, 0]
