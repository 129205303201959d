"""The predictor: photographs prepared as in the training, logits of the network, classes at the operating threshold."""

import io
import math
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from scipy.special import expit

from skinexp.config.schema import Preprocess
from skinexp.evaluation import Calibrator, OperatingPoint
from skinexp.models.archive import save_model
from skinexp.models.predictor import NOT_FINITE, Predictor, load_predictor

SIZE = 8
PREPROCESS = Preprocess(size=SIZE, crop_border=False, remove_hair=False, colour_constancy=False)
AT_HALF = OperatingPoint(0.5, Calibrator())


def write_model(file: Path, weight: float) -> Path:
    """Writes a model whose logit is a weight times the mean of the red channel, minus 10."""
    pixels = keras.Input((SIZE, SIZE, 3), name="pixels")
    x = keras.layers.GlobalAveragePooling2D(name="features")(pixels)
    network = keras.Model(pixels, keras.layers.Dense(1, name="logit")(x))
    network.get_layer("logit").set_weights([np.array([[weight], [0.0], [0.0]]), np.array([-10.0])])
    save_model(network, file, {"classes": ["naevus", "melanoma"]})
    return file


@pytest.fixture(scope="module")
def model_file(tmp_path_factory) -> Path:
    """A red of 100 has logit 0, and of 110 logit 1."""
    return write_model(tmp_path_factory.mktemp("model") / "model.keras", 0.1)


@pytest.fixture(scope="module")
def predictor(model_file) -> Predictor:
    return load_predictor(model_file, PREPROCESS, AT_HALF)


def photograph(red: int, mode: str = "RGB", **options: object) -> bytes:
    """The bytes of a picture of one colour."""
    content = io.BytesIO()
    Image.new("RGB", (20, 12), (red, 0, 0)).convert(mode).save(content, **{"format": "PNG", **options})
    return content.getvalue()


def prepared(predictor: Predictor, *contents: bytes) -> list[np.ndarray | str]:
    return [predictor.prepare(lambda content=content: content) for content in contents]


def test_each_image_has_its_own_row(predictor):
    rows = predictor.predict(prepared(predictor, photograph(110), photograph(90), b"", photograph(130)))
    assert list(rows) == ["probability", "predicted", "logit", "error"]
    np.testing.assert_allclose(rows["logit"], [1, -1, np.nan, 3], atol=1e-5)
    np.testing.assert_allclose(rows["probability"], expit([1, -1, np.nan, 3]), atol=1e-5)
    assert rows["predicted"].fillna("").tolist() == ["melanoma", "naevus", "", "melanoma"]
    assert rows["error"].fillna("").tolist() == ["", "", "the file is empty", ""]


def test_a_batch_without_a_usable_image_is_not_predicted(predictor):
    rows = predictor.predict(prepared(predictor, b"", b"no picture"))
    assert rows["error"].tolist() == ["the file is empty", "not an image of a known format"]
    assert rows["logit"].isna().all()


def test_a_file_that_cannot_be_read_is_a_reason(predictor):
    def absent() -> bytes:
        raise FileNotFoundError(2, "No such file or directory")

    assert predictor.prepare(absent) == "No such file or directory"


def test_probabilities_are_calibrated_and_classes_are_those_at_the_threshold(model_file):
    strict = load_predictor(
        model_file, PREPROCESS, OperatingPoint(0.7, Calibrator("temperature", {"temperature": 2.0}))
    )
    rows = strict.predict(prepared(strict, photograph(110), photograph(130)))
    np.testing.assert_allclose(rows["probability"], expit([0.5, 1.5]), atol=1e-5)
    assert rows["predicted"].tolist() == ["naevus", "melanoma"]


def test_without_a_threshold_no_class_is_predicted(model_file):
    open_ended = load_predictor(model_file, PREPROCESS, OperatingPoint(math.nan, Calibrator()))
    rows = open_ended.predict(prepared(open_ended, photograph(110)))
    assert rows["predicted"].tolist() == [None]
    assert rows["probability"].item() == pytest.approx(expit(1), abs=1e-5)
    assert rows["error"].tolist() == [None]


def test_a_network_whose_logit_is_not_a_number_says_so(tmp_path):
    broken = load_predictor(write_model(tmp_path / "model.keras", math.nan), PREPROCESS, AT_HALF)
    rows = broken.predict(prepared(broken, photograph(110)))
    assert rows["error"].tolist() == [NOT_FINITE]
    assert rows["predicted"].isna().all()


@pytest.mark.parametrize(
    ("mode", "options", "logit"),
    [
        ("L", {}, (255 * 0.299 - 100) / 10),
        ("CMYK", {"format": "TIFF"}, 15.5),
        ("P", {"format": "GIF"}, 15.5),
        ("RGB", {"format": "TIFF", "save_all": True, "append_images": [Image.new("RGB", (20, 12))]}, 15.5),
    ],
)
def test_grey_cmyk_palette_and_several_frames_are_read_as_the_training_reads_them(predictor, mode, options, logit):
    rows = predictor.predict(prepared(predictor, photograph(255, mode, **options)))
    assert rows["logit"].item() == pytest.approx(logit, abs=0.1)


def test_sixteen_bits_are_scaled_to_eight(predictor):
    content = io.BytesIO()
    Image.fromarray(np.full((12, 20), 110 * 257, np.uint16)).save(content, format="PNG")
    rows = predictor.predict(prepared(predictor, content.getvalue()))
    assert rows["logit"].item() == pytest.approx(1, abs=1e-5)
