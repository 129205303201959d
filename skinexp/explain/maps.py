"""Maps of a network's clearest correct and wrong predictions, and of the test images that all networks explain."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from skinexp.config.schema import Explain
from skinexp.data.pipeline import Images
from skinexp.explain.methods import METHODS
from skinexp.explain.selection import outcomes, shared
from skinexp.models.classifier import Classifier


@dataclass(frozen=True)
class Maps:
    """Some test images and where a network sees evidence in them.

    Attributes:
        rows: one row per image: its row of the predictions table, and `explained` (0/1), the class that the map
            shows the evidence for.
        images: (n, size, size, 3) uint8.
        heats: (n, size, size) float32, at least 0, in units of the logit.
    """

    rows: pd.DataFrame
    images: np.ndarray
    heats: np.ndarray

    def save(self, file: Path) -> None:
        """Writes image_id, label, probability, image and heat as arrays of one npz file."""
        np.savez_compressed(
            file,
            image_id=self.rows["image_id"].to_numpy(dtype=str),
            label=self.rows["label"].to_numpy(),
            probability=self.rows["probability"].to_numpy(),
            image=self.images,
            heat=self.heats,
        )


@dataclass(frozen=True)
class Explanations:
    """`outcomes`: hits and misses, explained for the predicted class; `shared`: explained for the true class."""

    outcomes: Maps
    shared: Maps


def explain(classifier: Classifier, predictions: pd.DataFrame, images: Images, options: Explain) -> Explanations | None:
    """Computes the maps of a network; None if `explain=none`."""
    if options.method == "none":
        return None
    test = predictions[predictions["split"] == "test"].reset_index(drop=True)
    position = pd.Series(test.index, index=test["image_id"])

    def maps_of(rows: pd.DataFrame, explained: np.ndarray) -> Maps:
        pixels = images.read(position[rows["image_id"]].to_numpy())
        heats = heat_maps(classifier, pixels, explained, options.method)
        return Maps(rows.assign(explained=explained), pixels, heats)

    clearest = outcomes(test, options.images)
    common = shared(test, options.shared)
    return Explanations(
        maps_of(clearest, (clearest["predicted"] == 1).to_numpy().astype(int)),
        maps_of(common, common["label"].to_numpy()),
    )


def heat_maps(classifier: Classifier, images: np.ndarray, explained: np.ndarray, method: str) -> np.ndarray:
    """Computes maps of the evidence for a class in each image.

    Args:
        classifier: the network to explain.
        images: (n, s, s, 3), 0..255.
        explained: (n,) the class of each image whose evidence is mapped: 1 malignant, 0 benign.
        method: one of `METHODS`.

    Returns:
        (n, s, s) float32, at least 0, in units of the method.
    """
    if len(images) == 0:
        return np.zeros(images.shape[:3], np.float32)
    return METHODS[method](classifier, images, np.where(explained == 1, 1, -1))
