"""Files of 16 bits are predicted as they were trained on, or by what the named files hold."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from skinexp.config.schema import Config, Preprocess
from skinexp.data.image_readers import read_file
from skinexp.data.preparation.pixel_range import PixelRange
from skinexp.data.sources.named_images import NamedImage
from skinexp.data.table import Table
from skinexp.evaluation import OperatingPoint
from skinexp.evaluation.decision.calibration import Calibrator
from skinexp.models.predictor import Predictor
from skinexp.workflows.after_training import _needed_to_predict
from skinexp.workflows.predicting import _with_pixel_range

GREY = np.linspace(0, 255, 64 * 64).reshape(64, 64).round().astype(np.uint16)
PREPROCESS = Preprocess(size=64, crop_border=False, remove_hair=False)


@pytest.fixture
def predictor() -> Predictor:
    return Predictor(forward=None, preprocess=PREPROCESS, operating_point=OperatingPoint(0.5, Calibrator()))


@pytest.fixture
def images(tmp_path) -> list[NamedImage]:
    """A bright and a dark file of 12 bits, one of 8, and one that is not there."""
    for name, values in (("bright", GREY * 16), ("dark", GREY), ("usual", GREY.astype(np.uint8))):
        (tmp_path / f"{name}.png").write_bytes(cv2.imencode(".png", values)[1].tobytes())
    return [NamedImage(str(tmp_path / f"{name}.png")) for name in ("bright", "dark", "usual", "absent")]


def brightest(predictor: Predictor, images: list[NamedImage]) -> list[int]:
    prepared = [predictor.prepare(partial(read_file, Path(image.file))) for image in images]
    return [pixels.max() for pixels in prepared if not isinstance(pixels, str)]


def test_without_deep_files_in_the_training_all_named_files_have_one_range(predictor, images, caplog):
    with caplog.at_level("INFO", logger="skinexp"):
        ready = _with_pixel_range(predictor, images)
    assert ready.pixel_bits == 12
    assert brightest(ready, images) == [254, 16, 255]
    assert caplog.messages[0].startswith("Range     2 files store more than 8 bits a channel, read as 12 bits")


def test_the_range_of_the_training_comes_before_that_of_the_files(predictor, images):
    trained = replace(predictor, pixel_bits=14)
    assert _with_pixel_range(trained, images) is trained
    assert brightest(trained, images) == [64, 4, 255]


def test_files_of_8_bits_need_no_range(predictor, images):
    assert _with_pixel_range(predictor, images[2:]) is predictor


@pytest.mark.parametrize(("found", "stored"), [(None, None), (PixelRange(3, 4_000, 12), 12)])
def test_the_file_of_a_model_keeps_the_range_of_its_training(found, stored):
    evaluation = SimpleNamespace(calibrator=Calibrator(), operating_threshold=0.5)
    metadata = _needed_to_predict(Config(), Table("x", None, None, pixel_range=found), evaluation)
    assert metadata.get("pixel_bits") == stored
