"""Disagreement of models: of the test images that several runs explained, those with the widest probabilities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skinexp.evaluation import CLASSES
from skinexp.runs.run_outputs import RunOutputs

SHOWN_IMAGES = 8  # rows of a Grad-CAM sheet


@dataclass(frozen=True)
class ImageProbabilities:
    """The probabilities of malignant that runs give to one image.

    Attributes:
        image_id: its id.
        true_class: its class by its label.
        spread: the highest less the lowest probability; NaN if fewer than two runs have not collapsed.
        probabilities: one a run, in the order of the runs.
    """

    image_id: str
    true_class: str
    spread: float
    probabilities: list[float]


@dataclass(frozen=True, eq=False)
class SharedImages:
    """Test images that several runs explained, with each run's probabilities and maps.

    Attributes:
        runs: names of the runs.
        collapsed: names of those runs whose maps have no meaning.
        images: (n, s, s, 3) pixels 0..255.
        heats: for each run the (n, s, s) maps of these images, in units of the logit.
        probabilities: an entry per image.
        common: how many images all of these runs explained.
        by_spread: whether the images are those on which the runs differ most; not if fewer than two runs have not
            collapsed.
    """

    runs: list[str]
    collapsed: list[str]
    images: NDArray[np.uint8]
    heats: dict[str, NDArray[np.float32]]
    probabilities: list[ImageProbabilities]
    common: int
    by_spread: bool


def shared_images(explained: Sequence[RunOutputs]) -> SharedImages | None:
    """Returns the test images that all runs explained, the widest spread first; None if there is no such image.

    Args:
        explained: runs with maps. Collapsed ones are included, but do not count for the spread: they give the same
            probability to all images.
    """
    if not explained:
        return None
    places = {run.name: {str(name): place for place, name in enumerate(_maps(run)["image_id"])} for run in explained}
    first = explained[0]
    common = [image_id for image_id in places[first.name] if all(image_id in place for place in places.values())]
    if not common:
        return None
    rows = {run.name: [places[run.name][image_id] for image_id in common] for run in explained}
    probabilities = {run.name: np.asarray(_maps(run)["probability"])[rows[run.name]] for run in explained}
    voices = [probabilities[run.name] for run in explained if not run.collapsed]
    by_spread = len(voices) > 1
    spread = np.ptp(np.stack(voices), axis=0) if by_spread else np.full(len(common), np.nan)
    # Stable, so that equal spreads keep the order of the first run; unknown ones come last.
    order = np.argsort(-np.nan_to_num(spread, nan=-1.0), kind="stable")[:SHOWN_IMAGES]
    chosen = {run: np.array(of_run)[order] for run, of_run in rows.items()}
    images = _maps(first)["image"][chosen[first.name]]
    classes = [CLASSES[int(label)] for label in _maps(first)["label"][chosen[first.name]]]
    return SharedImages(
        runs=list(chosen),
        collapsed=[run.name for run in explained if run.collapsed],
        images=images,
        heats={run.name: _resized(_maps(run)["heat"][chosen[run.name]], images.shape[1]) for run in explained},
        probabilities=[
            ImageProbabilities(
                common[place], name, float(spread[place]), [float(p[place]) for p in probabilities.values()]
            )
            for name, place in zip(classes, order, strict=True)
        ],
        common=len(common),
        by_spread=by_spread,
    )


def _maps(record: RunOutputs) -> Mapping[str, np.ndarray]:
    return record.gradcam or {}


def _resized(heats: np.ndarray, size: int) -> np.ndarray:
    """Returns the maps of a run that saw its images at another size, resized to the images that they lie on."""
    if heats.shape[1] == size:
        return heats
    maps = [Image.fromarray(heat.astype(np.float32)) for heat in heats]
    return np.stack([np.asarray(one.resize((size, size), Image.Resampling.BILINEAR)) for one in maps])
