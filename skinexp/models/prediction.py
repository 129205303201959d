"""A network's predictions: logits, and the table of predictions that every score and figure comes from."""

from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd
from scipy.special import expit

from skinexp.data.pipeline import Batches, Images, evaluation_batches
from skinexp.data.skin_tone import SKIN_TONE, skin_tones
from skinexp.data.table import metadata_columns, with_diagnosis
from skinexp.models.classifier import FEATURES, Classifier
from skinexp.models.extractor import CompiledGraph


class ForwardPass:
    """A network in inference mode, compiled once: images in, pooled features and logits out."""

    def __init__(self, network: keras.Model, batch_size: int):
        """
        Args:
            network: a graph as `models.build` returns it, also loaded from its file.
            batch_size: images of a step of `__call__`; the outputs do not depend on it.
        """
        function = keras.Function(network.inputs[0], [network.get_layer(FEATURES).output, network.output])
        self._graph, self._batch_size = CompiledGraph(function, network), batch_size

    def __call__(self, images: Images) -> tuple[np.ndarray, np.ndarray]:
        """Returns (n, c) features and (n,) logits, float32, in the order of the images; reads one batch at a time."""
        return _as_arrays(self._graph.predict(evaluation_batches(images, self._batch_size), verbose=0))

    def on_batch(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns (n, c) features and (n,) logits, float32, of one batch of (n, size, size, 3) uint8 pixels."""
        return _as_arrays(self._graph.predict_on_batch(pixels))


@dataclass(frozen=True)
class Predictions:
    """A network's predictions for the validation and the test images.

    Attributes:
        table: one row an image: image_id, group, split, label, logit, probability, the metadata, and the skin tone,
            estimated from the rim of the image if the metadata have none.
        features: (n, c) float32, the pooled features of the table's rows.
        forward: the same network for further images, compiled already.
    """

    table: pd.DataFrame
    features: np.ndarray
    forward: ForwardPass


def predict(classifier: Classifier, batches: Batches, frame: pd.DataFrame) -> Predictions:
    """Returns the predictions for all validation and test images, in inference mode.

    Args:
        classifier: the trained network.
        batches: of the validation and test images.
        frame: one row an image, in the order of the batches: image_id, group, label, split and metadata.
    """
    frame, forward = with_diagnosis(frame), ForwardPass(classifier.network, batches.batch_size)
    parts = [
        to_table(frame[frame["split"] == name], images, forward)
        for name, images in (("val", batches.val), ("test", batches.test))
    ]
    tables = pd.concat([part.table for part in parts], ignore_index=True)
    return Predictions(tables, np.concatenate([part.features for part in parts]), forward)


def to_table(rows: pd.DataFrame, images: Images, forward: ForwardPass) -> Predictions:
    """Returns the predictions for images, with the columns of their rows that a reader needs.

    Args:
        rows: one row an image: image_id, group, label, split and metadata.
        images: the same images, in the same order.
        forward: the network.
    """
    features, logits = forward(images)
    named = rows[["image_id", "group", "split", "label"]].assign(logit=logits, probability=expit(logits))
    table = named.join(rows[metadata_columns(rows)]).reset_index(drop=True)
    if SKIN_TONE not in table:  # an observed skin tone is better than an estimate
        table[SKIN_TONE] = skin_tones(images)
    return Predictions(table, features, forward)


def _as_arrays(outputs: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    features, logits = outputs
    return np.asarray(features, np.float32), np.asarray(logits, np.float32)[:, 0]
