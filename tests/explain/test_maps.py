"""What a run's sheet of hits and misses says beside its confusion matrix."""

import collections

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from scipy.special import expit

from skinexp.config.schema import Explain
from skinexp.data.pipeline import Images
from skinexp.evaluation import EvaluationOptions, TestEvaluation, evaluate
from skinexp.explain.maps import Maps, explain
from skinexp.models.classifier import Classifier
from skinexp.report.figures.run_figures import outcome_sheet
from skinexp.report.figures.run_figures import test_figures as figures_of_test_images

IMAGES, SIZE = 60, 8
OUTCOMES = {(0, 0): "true negative", (0, 1): "false positive", (1, 0): "false negative", (1, 1): "true positive"}


@pytest.fixture(scope="module")
def evaluation() -> TestEvaluation:
    """Of an overconfident network, at another threshold than Youden's."""
    generator = np.random.default_rng(0)
    label = np.tile([0, 1, 0], 2 * IMAGES // 3)
    logit = 3 * generator.normal(1.2 * label - 0.5)
    predictions = pd.DataFrame(
        {
            "image_id": [f"image{number:03}" for number in range(2 * IMAGES)],
            "split": np.repeat(["val", "test"], IMAGES),
            "label": label,
            "logit": logit,
            "probability": expit(logit),
        }
    )
    return evaluate(predictions, EvaluationOptions("sensitivity:0.95", "temperature", resamples=20))


@pytest.fixture(scope="module")
def outcomes(evaluation) -> Maps:
    """All test images, explained by a network small enough to be quick: which image is a hit does not depend on it."""
    pixels = keras.Input((SIZE, SIZE, 3))
    maps = layers.Conv2D(2, 1, name="convolution")(pixels)
    network = keras.Model(pixels, layers.Dense(1)(layers.GlobalAveragePooling2D()(maps)))
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, SIZE, SIZE, 3), dtype=np.uint8)
    test = Images(images, np.arange(IMAGES), evaluation.decisions["label"].to_numpy())
    found = explain(
        Classifier(network, (), "convolution", pretrained=False), evaluation.decisions, test, Explain(images=IMAGES)
    )
    assert found is not None
    return found.outcomes


def test_each_image_is_the_hit_or_miss_that_the_operating_threshold_makes_it(evaluation, outcomes):
    calibrated = evaluation.calibrator.apply(evaluation.decisions["logit"])
    predicted = (calibrated >= evaluation.operating_threshold).astype(int)
    expected = {
        image_id: OUTCOMES[label, positive]
        for image_id, label, positive in zip(
            evaluation.decisions["image_id"], evaluation.decisions["label"], predicted, strict=True
        )
    }

    assert dict(zip(outcomes.rows["image_id"], outcomes.rows["outcome"], strict=True)) == expected
    assert outcomes.rows["explained"].tolist() == [int(name.endswith("positive")) for name in outcomes.rows["outcome"]]


def test_at_youdens_threshold_other_images_would_be_hits(evaluation):
    """Else the other tests here would show nothing."""
    youden = evaluation.decisions["probability"] >= evaluation.thresholds["youden"]
    assert (youden != (evaluation.decisions["predicted"] == 1)).sum() > 5


def test_the_sheet_counts_as_the_confusion_matrix_beside_it_does(evaluation, outcomes):
    sheet = outcome_sheet("scratch", outcomes.rows, outcomes.images, outcomes.heats)
    captions = [panel.get_xlabel().split("\n")[0] for panel in sheet.axes if panel.get_xlabel()]
    on_sheet = collections.Counter(caption for caption in captions if caption in OUTCOMES.values())

    matrix = figures_of_test_images("scratch", evaluation)["confusion"].axes[0]
    assert f"{evaluation.operating_threshold:.4g}" in matrix.get_title(loc="left")
    texts = [text.get_text() for text in matrix.texts]
    in_matrix = dict(zip(OUTCOMES.values(), map(int, texts[::2]), strict=True))
    assert on_sheet == collections.Counter(in_matrix)


def test_no_images_need_no_maps(evaluation):
    pixels = np.zeros((IMAGES, SIZE, SIZE, 3), np.uint8)
    test = Images(pixels, np.arange(IMAGES), evaluation.decisions["label"].to_numpy())
    untouched = Classifier(keras.Model(inputs := keras.Input((SIZE, SIZE, 3)), inputs), (), "nowhere", pretrained=False)
    found = explain(untouched, evaluation.decisions, test, Explain(images=0, shared=0))
    assert found is not None
    for maps in (found.outcomes, found.shared):
        assert (len(maps.rows), maps.images.shape, maps.heats.shape) == (0, (0, SIZE, SIZE, 3), (0, SIZE, SIZE))
