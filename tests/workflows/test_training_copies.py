"""Training images among the images of an external validation: found re-encoded and resized, not as equal files only."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skinexp.config.schema import Data, Preprocess
from skinexp.data.preparation import image_cache
from skinexp.data.preparation.image_cache import Prepared
from skinexp.data.sources import registry
from skinexp.evaluation import Calibrator
from skinexp.evaluation.domain_shift import Reference
from skinexp.models.training_statistics import image_fingerprints
from skinexp.runs.lookup import TrainedRun
from skinexp.runs.run_summary import RunSummary
from skinexp.workflows.training_copies import find_training_copies
from tests.data.duplicates.test_duplicates import drawn

TRAINED, RESIZED, NEW = 24, 8, 8
SIZE = Preprocess(size=96, crop_border=False, remove_hair=False)


def options(path: Path, **entries) -> Data:
    return Data("folder", str(path), cache=str(path.parent / "cache"), workers=1, preprocess=SIZE, **entries)


def prepared(data: Data) -> Prepared:
    return image_cache.prepare(registry.load(data, 0), data)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """Training images as PNG; the same as JPEG, a third of them smaller, and some that are new."""
    place = tmp_path_factory.mktemp("copies")
    for number in range(TRAINED + NEW):
        picture, label = Image.fromarray(drawn(number)), ("benign", "malignant")[number % 2]
        folders = [place / part / label for part in ("training", "external")]
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        if number < TRAINED:
            picture.save(folders[0] / f"{number}.png")
        if number < RESIZED:
            picture = picture.resize((88, 88))
        picture.save(folders[1] / f"other-name-{number}.jpg", quality=80)
    return place


@pytest.fixture
def reference(place) -> Reference:
    """Statistics of the training images, of which the checksums are read here."""
    seen = np.sort(image_fingerprints(prepared(options(place / "training")).table.frame["sha256"]))
    nothing = np.zeros(1, np.float32)
    return Reference(nothing, nothing, nothing, 1.0, nothing, nothing, seen)


@pytest.fixture
def run(place) -> TrainedRun:
    summary = RunSummary(config={"seed": 0, "data": dataclasses.asdict(options(place / "training"))})
    return TrainedRun("run", "run", place / "model.keras", summary, SIZE, 0.5, Calibrator(), None, None, None)


def test_re_encoded_and_resized_training_images_are_found(place, run, reference):
    data = options(place / "external")
    found = find_training_copies(run, reference, prepared(data), data)
    assert (found.images, found.limitation) == (TRAINED, "")


def test_images_of_the_test_part_are_no_training_images(place, run, reference):
    data = options(place / "external")
    few = dataclasses.replace(reference, seen=reference.seen[:10])
    assert find_training_copies(run, few, prepared(data), data).images == 10


def test_equal_files_are_found_without_a_search(place, run, reference):
    data = options(place / "training", audit="off")
    found = find_training_copies(run, reference, prepared(data), data)
    assert (found.images, found.limitation) == (TRAINED, "")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"path": "/nowhere"}, "they are not at hand (data.path=/nowhere)"),
        ({"name": "hub", "path": "somebody/images"}, "they are not at hand (data.path=somebody/images)"),
    ],
)
def test_what_was_not_searched_is_said(place, run, reference, change, reason):
    data = options(place / "external")
    config = run.summary.config | {"data": run.summary.config["data"] | change}
    moved = dataclasses.replace(run, summary=RunSummary(config=config))
    found = find_training_copies(moved, reference, prepared(data), data)
    assert found.images == 0
    assert found.limitation.endswith(f"identical files alone, because {reason}.")


def test_training_images_that_were_exchanged_are_not_searched(place, run, reference):
    data = options(place / "external")
    others = dataclasses.replace(reference, seen=np.array([1, 2], np.uint64))
    found = find_training_copies(run, others, prepared(data), data)
    assert "holds other images now" in found.limitation


def test_a_model_file_without_its_run_says_so(place, run, reference):
    data = options(place / "external")
    bare = dataclasses.replace(run, summary=RunSummary())
    assert (
        "the record of the run does not name them"
        in find_training_copies(bare, reference, prepared(data), data).limitation
    )
