"""A trained network with what its file says about images: photographs in, probabilities and predicted classes out."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from scipy.special import expit

from skinexp.config.schema import Preprocess
from skinexp.data.pipeline import Images
from skinexp.data.preparation.chunks import prepare_one
from skinexp.data.preparation.pixel_range import is_deep
from skinexp.data.preparation.preprocess import decode
from skinexp.data.table import CLASS_NAMES, with_diagnosis
from skinexp.evaluation import OperatingPoint, calibrated_probabilities, predicted_labels
from skinexp.models.archive import load_metadata
from skinexp.models.prediction import ForwardPass, Predictions, to_table

BATCH = 32  # images of one step
NOT_FINITE = "the logit of the network is not a finite number"


@dataclass(frozen=True)
class Predictor:
    """A trained network that predicts images as its run did.

    Attributes:
        forward: the network.
        preprocess: how the images of the training were prepared.
        operating_point: calibration and threshold of the run.
        classes: names of label 0 and of label 1.
        pixel_bits: that the values of files with more than 8 bits a channel fill; None: the training had no such file.
    """

    forward: ForwardPass
    preprocess: Preprocess
    operating_point: OperatingPoint
    classes: tuple[str, ...] = CLASS_NAMES
    pixel_bits: int | None = None

    def prepare(self, read: Callable[[], bytes]) -> np.ndarray | str:
        """Prepares one photograph as in the training.

        Args:
            read: returns the bytes of the image's file; it may raise an OSError.

        Returns:
            (size, size, 3) uint8 RGB, or the reason why the image cannot be used.
        """
        return prepare_one(lambda _: self._decoded(read()), self.preprocess, 0)

    def _decoded(self, data: bytes) -> bytes | np.ndarray:
        """Returns the pixels of a file with more than 8 bits a channel, and any other file as it is."""
        if self.pixel_bits is None or not is_deep(io.BytesIO(data)):
            return data
        return decode(data, bits=self.pixel_bits)

    def predict(self, prepared: Sequence[np.ndarray | str]) -> pd.DataFrame:
        """Predicts one batch of images.

        Args:
            prepared: as `prepare` returns them.

        Returns:
            One row an image, in their order: probability (calibrated, of label 1), predicted (name of a class), logit
            (float32), error (the reason why the other columns are empty). `predicted` is None without a threshold.
        """
        usable = np.array([not isinstance(image, str) for image in prepared], bool)
        logits = np.full(len(prepared), np.nan, np.float32)
        if usable.any():
            pixels = np.stack([image for image in prepared if not isinstance(image, str)])
            logits[usable] = self.forward.on_batch(pixels)[1]
        logits[~np.isfinite(logits)] = np.nan
        reasons = [image if isinstance(image, str) else NOT_FINITE for image in prepared]
        table = pd.DataFrame({"logit": logits, "probability": expit(logits)})
        probabilities = calibrated_probabilities(self.operating_point.calibrator, table)
        labels = predicted_labels(probabilities, self.operating_point.threshold)
        return pd.DataFrame(
            {
                "probability": probabilities,
                "predicted": [None if np.isnan(label) else self.classes[int(label)] for label in labels],
                "logit": logits,
                "error": [reason if np.isnan(logit) else None for reason, logit in zip(reasons, logits, strict=True)],
            }
        )

    def predict_table(self, pixels: np.ndarray, frame: pd.DataFrame) -> Predictions:
        """Returns the predictions for all images of a table, with uncalibrated probabilities.

        Args:
            pixels: (N, size, size, 3) uint8, prepared images.
            frame: one row an image: image_id, group, label, split, row (its position in `pixels`) and metadata.
        """
        images = Images(pixels, frame["row"].to_numpy(), frame["label"].to_numpy())
        return to_table(with_diagnosis(frame), images, self.forward)


def load_predictor(model_file: Path, preprocess: Preprocess, operating_point: OperatingPoint) -> Predictor:
    """Loads a network with the class names of its file.

    Args:
        model_file: as `archive.save_model` writes it.
        preprocess: how the images of the training were prepared, as the file says.
        operating_point: calibration and threshold of the run, as the file says.
    """
    network = keras.saving.load_model(model_file, compile=False)
    stored = load_metadata(model_file)
    classes = tuple(stored.get("classes", CLASS_NAMES))
    return Predictor(ForwardPass(network, BATCH), preprocess, operating_point, classes, stored.get("pixel_bits"))
