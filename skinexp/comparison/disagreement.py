"""Where models disagree: of the test images that several runs explained, those on which their answers differ most."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from skinexp.core.number_format import ABSENT, three_decimals
from skinexp.evaluation import CLASSES
from skinexp.report.figures import image_grids
from skinexp.report.pages.embedded_figure import Picture, picture
from skinexp.runs.run_summary import RunRecord

SHOWN_IMAGES = 8  # rows of a Grad-CAM sheet
SHOWN_RUNS = 6  # columns of a Grad-CAM sheet: more would be too small to see
MEANINGLESS = "collapsed:\nno meaning"  # in the place of a collapsed run's maps


@dataclass(frozen=True)
class Answers:
    """What each run answers to an image: its id, its true class, how far the answers differ, and they themselves."""

    image_id: str
    true_class: str
    spread: str
    probabilities: list[str]


@dataclass(frozen=True)
class SharedImages:
    """Test images that several runs explained, and each run's answer to them.

    Attributes:
        pictures: sheets of their maps.
        runs: whose they are.
        answers: an entry an image, in the order of the sheets.
        common: how many images all of these runs explained.
        by_spread: whether those shown are the ones on which the runs differ most; not where fewer than two have
            not collapsed.
    """

    pictures: list[Picture]
    runs: list[str]
    answers: list[Answers]
    common: int
    by_spread: bool


def shared_images(explained: Sequence[RunRecord]) -> SharedImages | None:
    """The maps of test images that all runs explained, the most disputed first; None where there is no such image.

    Args:
        explained: runs with maps. Those that collapsed are shown, but have no say in what is disputed: they answer
            the same to all images.
    """
    if not explained:
        return None
    places = {run.name: {str(name): place for place, name in enumerate(_maps(run)["image_id"])} for run in explained}
    first = explained[0]
    common = [image_id for image_id in places[first.name] if all(image_id in place for place in places.values())]
    if not common:
        return None
    probabilities = {
        run.name: np.array([_maps(run)["probability"][places[run.name][image_id]] for image_id in common])
        for run in explained
    }
    voices = [probabilities[run.name] for run in explained if not run.collapsed]
    by_spread = len(voices) > 1
    spread = np.ptp(np.stack(voices), axis=0) if by_spread else np.full(len(common), np.nan)
    # Stable, so that equal spreads keep the order of the first run; unknown ones come last.
    order = np.argsort(-np.nan_to_num(spread, nan=-1.0), kind="stable")[:SHOWN_IMAGES]
    shown = [common[place] for place in order]
    rows = {run.name: [places[run.name][image_id] for image_id in shown] for run in explained}
    images = _maps(first)["image"][rows[first.name]]
    classes = [CLASSES[int(label)] for label in _maps(first)["label"][rows[first.name]]]
    heats = {run.name: _resized(_maps(run)["heat"][rows[run.name]], images.shape[1]) for run in explained}
    meaningless = {run.name: MEANINGLESS for run in explained if run.collapsed}
    captions = [f"{image_id}\n{name}" for image_id, name in zip(shown, classes, strict=True)]
    return SharedImages(
        _sheets(images, heats, captions, meaningless, shown),
        list(heats),
        [
            Answers(
                image_id,
                name,
                three_decimals(float(spread[place])) if by_spread else ABSENT,
                [three_decimals(float(probabilities[run][place])) for run in heats],
            )
            for image_id, name, place in zip(shown, classes, order, strict=True)
        ],
        len(common),
        by_spread,
    )


def _sheets(
    images: np.ndarray,
    heats: Mapping[str, np.ndarray],
    captions: Sequence[str],
    meaningless: Mapping[str, str],
    shown: Sequence[str],
) -> list[Picture]:
    runs, pictures = list(heats), []
    for start in range(0, len(runs), SHOWN_RUNS):
        sheet = {run: heats[run] for run in runs[start : start + SHOWN_RUNS]}
        alternative = f"Grad-CAM maps of {', '.join(sheet)} on the test images {', '.join(shown)}."
        if marked := [run for run in sheet if run in meaningless]:
            alternative += f" Not drawn, because a collapsed run's maps have no meaning: {', '.join(marked)}."
        figure = image_grids.gradcam_comparison(images, sheet, captions, meaningless)
        pictures.append(picture(figure, alternative, photographs=True))
    return pictures


def _maps(record: RunRecord) -> Mapping[str, np.ndarray]:
    return record.gradcam or {}


def _resized(heats: np.ndarray, size: int) -> np.ndarray:
    """Maps of a run that saw its images at another size, brought to the size of the pictures they lie on."""
    if heats.shape[1] == size:
        return heats
    pictures = [Image.fromarray(heat.astype(np.float32)) for heat in heats]
    return np.stack([np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR)) for picture in pictures])
