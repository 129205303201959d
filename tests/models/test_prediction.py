"""The predictions table: each image's own logit, in a row with what is known of it."""

from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from skinexp.config.schema import Augment
from skinexp.data import pipeline
from skinexp.data.pipeline import Batches
from skinexp.models import Classifier
from skinexp.models.prediction import Predictions, predict

SIZE, IMAGES = 8, 30


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    """Its logit is the mean of the red channel minus 100."""
    pixels = keras.Input((SIZE, SIZE, 3), name="pixels")
    x = keras.layers.GlobalAveragePooling2D(name="features")(pixels)
    network = keras.Model(pixels, keras.layers.Dense(1, name="logit")(x))
    network.get_layer("logit").set_weights([np.array([[1.0], [0.0], [0.0]]), np.array([-100.0])])
    return Classifier(network, (), "features", pretrained=False)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "image_id": [f"image {number}" for number in range(IMAGES)],
            "group": [f"lesion {number // 2}" for number in range(IMAGES)],
            "label": rng.integers(0, 2, IMAGES),
            "split": rng.permutation(np.repeat(["train", "val", "test"], IMAGES // 3)),
            "row": rng.permutation(IMAGES),
            "position": np.arange(IMAGES),
            "sha256": "0",
            "path": "somewhere",
            "age": np.arange(IMAGES) + 20.0,
        }
    )


@pytest.fixture(scope="module")
def batches(frame) -> Batches:
    """The red channel of an image is 90 plus the number of its row in the table."""
    pixels = np.zeros((IMAGES, SIZE, SIZE, 3), dtype=np.uint8)
    pixels[frame["row"], ..., 0] = 90 + np.arange(IMAGES)[:, None, None]
    return pipeline.batches(pixels, frame, Augment(flip=True, brightness=0.5), 4, seed=0)


@pytest.fixture(scope="module")
def predicted(classifier, batches, frame) -> Predictions:
    return predict(classifier, batches, frame)


@pytest.fixture(scope="module")
def predictions(predicted) -> pd.DataFrame:
    return predicted.table


def test_a_skin_tone_that_somebody_wrote_down_is_not_estimated(classifier, batches, frame):
    known = predict(classifier, batches, frame.assign(skin_tone="II")).table
    assert set(known["skin_tone"]) == {"II"}


def test_validation_comes_first_then_test_each_in_the_tables_order(predictions, frame):
    expected = pd.concat([frame[frame["split"] == name] for name in ("val", "test")], ignore_index=True)
    known = ["image_id", "group", "split", "label", "age"]
    pd.testing.assert_frame_equal(predictions[known], expected[known])


def test_each_row_has_its_own_images_logit(predictions):
    numbers = predictions["image_id"].str.removeprefix("image ").astype(int)
    np.testing.assert_allclose(predictions["logit"], 90 + numbers - 100, atol=1e-4)


def test_the_probability_is_the_logistic_function_of_the_logit(predictions):
    np.testing.assert_allclose(predictions["probability"], expit(predictions["logit"]), rtol=1e-6)


def test_the_table_holds_what_a_reader_needs_and_nothing_of_the_machinery(predictions):
    assert list(predictions) == ["image_id", "group", "split", "label", "logit", "probability", "age", "skin_tone"]


def test_features_are_those_of_the_tables_rows(predicted):
    assert predicted.features.shape == (20, 3)
    np.testing.assert_allclose(predicted.features[:, 0] - 100, predicted.table["logit"], atol=1e-4)


def test_answers_do_not_depend_on_the_batch_size(classifier, batches, frame, predicted):
    one = predict(classifier, replace(batches, batch_size=1), frame)
    np.testing.assert_allclose(one.table["logit"], predicted.table["logit"], rtol=1e-6)
    np.testing.assert_allclose(one.features, predicted.features, rtol=1e-6)
