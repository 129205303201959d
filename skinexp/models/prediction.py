"""A network's predictions: logits, and the table of predictions that every score and figure comes from."""

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
from skinexp.models.extractor import CompiledGraph

Predictor = Callable[[Images], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Predictions:
    """A network's predictions for the validation and the test images.

    Attributes:
        table: one row an image: image_id, group, split, label, logit, probability, the metadata, and the skin tone,
            estimated from the rim of the image if the metadata have none.
        features: (n, c) float32, the pooled features of the table's rows.
        predictor: the same network for further images, compiled already.
    """

    table: pd.DataFrame
    features: np.ndarray
    predictor: Predictor


def predict(classifier: Classifier, batches: Batches, frame: pd.DataFrame) -> Predictions:
    """Returns the predictions for all validation and test images, in inference mode.

    Args:
        classifier: the trained network.
        batches: of the validation and test images.
        frame: one row an image, in the order of the batches: image_id, group, label, split and metadata.
    """
    predictor = make_predictor(classifier.network, batches.batch_size)
    parts = [
        to_table(frame[frame["split"] == name], images, predictor)
        for name, images in (("val", batches.val), ("test", batches.test))
    ]
    tables = pd.concat([part.table for part in parts], ignore_index=True)
    return Predictions(tables, np.concatenate([part.features for part in parts]), predictor)


def predict_all(network: keras.Model, pixels: np.ndarray, frame: pd.DataFrame, batch_size: int) -> Predictions:
    """Returns the predictions for all images of a table, in inference mode.

    Args:
        network: a graph as `models.build` returns it, also loaded from its file.
        pixels: (N, size, size, 3) uint8, prepared images.
        frame: one row an image: image_id, group, label, split, row (its position in `pixels`) and metadata.
        batch_size: images a step.
    """
    images = Images(pixels, frame["row"].to_numpy(), frame["label"].to_numpy())
    return to_table(frame, images, make_predictor(network, batch_size))


def make_predictor(network: keras.Model, batch_size: int) -> Predictor:
    """Returns a function from images to (n, c) features and (n,) logits, float32, in the order of the images."""
    function = keras.Function(network.inputs[0], [network.get_layer(FEATURES).output, network.output])
    graph = CompiledGraph(function, network)

    def predictor(images: Images) -> tuple[np.ndarray, np.ndarray]:
        features, logits = graph.predict(evaluation_batches(images, batch_size), verbose=0)
        return np.asarray(features, np.float32), np.asarray(logits, np.float32)[:, 0]

    return predictor


def to_table(rows: pd.DataFrame, images: Images, predictor: Predictor) -> Predictions:
    """Returns the predictions for images, with the columns of their rows that a reader needs.

    Args:
        rows: one row an image: image_id, group, label, split and metadata.
        images: the same images, in the same order.
        predictor: as `make_predictor` returns it.
    """
    features, logits = predictor(images)
    named = rows[["image_id", "group", "split", "label"]].assign(logit=logits, probability=expit(logits))
    table = named.join(rows[metadata_columns(rows)]).reset_index(drop=True)
    if SKIN_TONE not in table:  # an observed skin tone is better than an estimate
        table[SKIN_TONE] = skin_tones(images)
    return Predictions(table, features, predictor)
