"""What a network says about images: logits, and the predictions table that every score and figure comes from."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd
from scipy.special import expit

from skinexp.data.pipeline import Batches, Images, evaluation_batches
from skinexp.data.skin_tone import SKIN_TONE, skin_tones
from skinexp.data.table import metadata_columns
from skinexp.models.classifier import FEATURES, Classifier
from skinexp.models.extractor import Whole

Ask = Callable[[Images], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Predictions:
    """What a network says of the validation and the test images.

    Attributes:
        table: one row an image: image_id, group, split, label, logit, probability, the metadata, and the skin tone as
            estimated from the rim of the image where the metadata have none.
        features: (n, c) float32, the pooled features of the table's rows.
        ask: asks the same network about further images; it is compiled already.
    """

    table: pd.DataFrame
    features: np.ndarray
    ask: Ask


def predict(classifier: Classifier, batches: Batches, frame: pd.DataFrame) -> Predictions:
    """Asks the network, in inference mode, about each validation and test image once.

    Args:
        frame: one row an image, in the order of the batches: image_id, group, label, split and metadata.
    """
    ask = asked(classifier.network, batches.batch_size)
    parts = [
        _told(frame[frame["split"] == name], images, ask)
        for name, images in (("val", batches.val), ("test", batches.test))
    ]
    tables = pd.concat([part.table for part in parts], ignore_index=True)
    return Predictions(tables, np.concatenate([part.features for part in parts]), ask)


def predict_all(network: keras.Model, pixels: np.ndarray, frame: pd.DataFrame, batch_size: int) -> Predictions:
    """Asks a network, in inference mode, about all images of a table.

    Args:
        network: a graph of ours, or one that was loaded from its file.
        pixels: (N, size, size, 3) uint8, prepared images.
        frame: one row an image: image_id, group, label, split, row (its position in `pixels`) and metadata.
    """
    images = Images(pixels, frame["row"].to_numpy(), frame["label"].to_numpy())
    return _told(frame, images, asked(network, batch_size))


def asked(network: keras.Model, batch_size: int) -> Ask:
    """A function from images to (n, c) features and (n,) logits, float32, in the order of the images."""
    graph = keras.Function(network.inputs[0], [network.get_layer(FEATURES).output, network.output])
    whole = Whole(graph, network)

    def ask(images: Images) -> tuple[np.ndarray, np.ndarray]:
        features, logits = whole.predict(evaluation_batches(images, batch_size), verbose=0)
        return np.asarray(features, np.float32), np.asarray(logits, np.float32)[:, 0]

    return ask


def _told(rows: pd.DataFrame, images: Images, ask: Ask) -> Predictions:
    features, logits = ask(images)
    named = rows[["image_id", "group", "split", "label"]].assign(logit=logits, probability=expit(logits))
    table = named.join(rows[metadata_columns(rows)]).reset_index(drop=True)
    if SKIN_TONE not in table:  # what somebody has looked at is better than an estimate
        table[SKIN_TONE] = skin_tones(images)
    return Predictions(table, features, ask)
