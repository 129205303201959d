"""Losses and class weights: what they are of an image, and that every way through a training uses the same."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import ops
from scipy.special import expit
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_sample_weight

from skinexp.config.schema import Augment, FineTune, LrFind, RangeTest
from skinexp.config.validation import check
from skinexp.contracts.losses import LOSSES, LossContract, Objective, cross_entropy, objective
from skinexp.training import fit
from skinexp.training.keras_losses import build_loss, log_objective
from skinexp.training.lr_ramp import run_lr_range_test

LOGITS = np.linspace(-6, 6, 25)
LABELS = np.arange(25) % 5 == 0
RARE = 6  # one image of six is malignant


def of_keras(goal: Objective) -> float:
    return float(build_loss(goal)(LABELS.reshape(-1, 1).astype(np.float32), LOGITS.reshape(-1, 1).astype(np.float32)))


# What a loss is


@pytest.mark.parametrize(("calibration", "recommended"), [("temperature", True), ("none", True), ("logistic", False)])
def test_a_shift_of_all_logits_is_undone_by_an_intercept_and_not_by_a_divisor(calibration, recommended, caplog):
    with caplog.at_level("INFO", logger="skinexp"):
        log_objective(objective("cross_entropy", "balanced", LABELS), calibration)
    assert ("Recommended: evaluate.calibration=logistic" in caplog.text) is recommended


@pytest.mark.parametrize("class_weight", ["none", "balanced"])
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_of_the_registry_is_that_of_keras(name, class_weight):
    goal = objective(name, class_weight, LABELS)
    assert goal.mean(LABELS, LOGITS) == pytest.approx(of_keras(goal), rel=1e-5)


@pytest.mark.parametrize("class_weight", ["none", "balanced"])
def test_cross_entropy_is_that_of_scikit_learn(class_weight):
    weights = compute_sample_weight("balanced", LABELS) if class_weight == "balanced" else None
    expected = log_loss(LABELS, expit(LOGITS), sample_weight=weights)
    assert objective("cross_entropy", class_weight, LABELS).mean(LABELS, LOGITS) == pytest.approx(expected)


@pytest.mark.parametrize("class_weight", ["none", "balanced"])
@pytest.mark.parametrize("name", LOSSES)
def test_no_constant_prediction_is_better_than_the_best_one(name, class_weight):
    goal = objective(name, class_weight, LABELS)
    constant = min(goal.mean(LABELS, np.full(25, logit)) for logit in np.linspace(-3, 3, 601))
    assert goal.constant == pytest.approx(constant, abs=1e-5)
    assert goal.constant <= constant + 1e-12


def test_without_a_choice_the_loss_is_keras_own_and_nothing_more():
    loss = build_loss(objective("cross_entropy", "none", LABELS))
    assert type(loss) is keras.losses.BinaryCrossentropy
    assert objective("cross_entropy", "none", LABELS).constant == pytest.approx(log_loss(LABELS, np.full(25, 0.2)))


def test_of_logits_that_are_lost_there_is_no_loss():
    assert np.isnan(objective("focal", "balanced", LABELS).mean(LABELS, LOGITS * np.nan))


def test_equal_classes_weigh_alike():
    assert objective("focal", "balanced", [0, 1, 0, 1]).class_weights == (1.0, 1.0)


# Every way through a training


@pytest.fixture(scope="module")
def imbalanced(config):
    """A focal loss of balanced classes, for the head and the end of the backbone."""
    optim = replace(config.optim, loss="focal", class_weight="balanced")
    return replace(config, optim=optim, model=replace(config.model, fine_tune=FineTune(0.5, 2, 1e-3)))


def without_dropout(classifier):
    for layer in classifier.network.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    return classifier


@pytest.mark.slow
def test_cached_features_and_whole_images_have_the_same_losses(classifier, batches, imbalanced, tmp_path):
    curves = []
    for features in ("off", "auto"):
        run = replace(imbalanced, training=replace(imbalanced.training, features=features, views=1))
        history = fit(without_dropout(classifier()), batches(every=RARE), run, tmp_path / features).history
        curves.append(history[["train/loss", "val/loss"]].to_numpy())
    np.testing.assert_allclose(*curves, rtol=1e-3)


@pytest.mark.parametrize("features", ["off", "auto"])
def test_a_range_test_has_the_losses_of_a_training(features, classifier, batches, imbalanced):
    """At rates that change nothing."""
    built, parts = without_dropout(classifier()), batches(every=RARE)
    run = replace(imbalanced, training=replace(imbalanced.training, features=features, views=1))
    curve = run_lr_range_test(built, parts, RangeTest(**vars(run), lr_find=LrFind(min=1e-12, max=1e-10, steps=20)))
    parts.train.begin(0)
    order = parts.train.order()
    pixels, labels = parts.train.images.read(order), parts.train.labels[order]
    logits = built.network.predict(pixels, verbose=0)[:, 0]
    goal = objective("focal", "balanced", parts.train.labels)
    expected = [goal.mean(labels[at : at + 16], logits[at : at + 16]) for at in range(0, 60, 16)]
    np.testing.assert_allclose(curve["loss"][:4], expected, rtol=1e-3)


@pytest.mark.slow
def test_balanced_classes_shift_probabilities_towards_the_rare_one(classifier, batches, config, tmp_path):
    """Of images that tell nothing: from its share to a half."""
    means = {}
    for class_weight in ("none", "balanced"):
        built, parts = without_dropout(classifier()), batches(every=RARE, told=0)
        options = replace(config.optim, class_weight=class_weight, epochs=40, patience=40)
        run = replace(config, optim=options, training=replace(config.training, features="auto"))
        fit(built, parts, replace(run, model=replace(run.model, fine_tune=FineTune(epochs=0))), tmp_path / class_weight)
        logits = ops.convert_to_numpy(built.network(parts.train.images.read(np.arange(60)), training=False))
        means[class_weight] = expit(logits).mean()
    assert means["none"] == pytest.approx(1 / RARE, abs=0.1)
    assert means["balanced"] == pytest.approx(0.5, abs=0.15)


# Another loss


def test_another_loss_is_one_entry_of_the_registry(classifier, batches, config, tmp_path, monkeypatch):
    def smoothed(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
        return cross_entropy(0.9 * labels + 0.05, logits)

    monkeypatch.setitem(LOSSES, "smoothed", LossContract("BinaryCrossentropy", smoothed, {"label_smoothing": 0.1}))
    goal = objective("smoothed", "none", LABELS)
    assert goal.mean(LABELS, LOGITS) == pytest.approx(of_keras(goal), rel=1e-5)
    run = replace(config, optim=replace(config.optim, loss="smoothed", epochs=1), augment=Augment())
    check(run)
    history = fit(classifier(), batches(), run, tmp_path).history
    assert history["train/loss"].notna().all()
