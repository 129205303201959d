"""A whole training: what changes in which phase, what is kept, when it stops."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import keras
import numpy as np
import pandas as pd
import pytest
from keras import ops
from scipy.special import expit
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

from skinexp.config.schema import Augment, Config, ReduceLr
from skinexp.data.augment import Augmentation
from skinexp.data.pipeline import Batches
from skinexp.models import Classifier
from skinexp.training import NonFiniteLoss, Training, fit
from skinexp.training.augmented_model import AugmentedModel
from skinexp.training.callbacks import BestWeights, EpochRow

Weights = dict[str, list[np.ndarray]]  # of each layer


def weights(classifier: Classifier) -> Weights:
    return {layer.name: layer.get_weights() for layer in classifier.network.layers if layer.weights}


def changed(before: Weights, after: Weights) -> set[str]:
    """Layers any of whose weights, statistics included, are not what they were."""
    pairs = {name: zip(before[name], after[name], strict=True) for name in before}
    return {name for name, values in pairs.items() if not all(np.array_equal(*pair) for pair in values)}


@dataclass
class TrainedNetwork:
    """A training, its batches, what was told of it, and the weights before it and after each epoch."""

    classifier: Classifier
    batches: Batches
    training: Training
    start: Weights
    epochs: list[Weights]
    records: list[EpochRow]

    @property
    def history(self) -> pd.DataFrame:
        return self.training.history


@pytest.fixture(scope="module")
def train(classifier, batches, tmp_path_factory) -> Callable[..., TrainedNetwork]:
    """Trains the tiny network."""

    def run(config: Config, parts: Batches | None = None) -> TrainedNetwork:
        built, parts = classifier(), parts or batches(config.augment)
        start, epochs, records = weights(built), [], []

        def on_epoch(record: EpochRow) -> None:
            epochs.append(weights(built))
            records.append(record)

        training = fit(built, parts, config, tmp_path_factory.mktemp("run"), on_epoch)
        return TrainedNetwork(built, parts, training, start, epochs, records)

    return run


@pytest.fixture(scope="module")
def trained(train, config) -> TrainedNetwork:
    """Three epochs of the head and three of fine-tuning, on augmented images, through the whole network."""
    return train(replace(config, augment=Augment(flip=True, brightness=0.05)))


# Phases


def test_each_phase_changes_its_own_layers_and_no_other(trained):
    assert trained.training.phases == ("head", "fine_tune")
    at_end_of_head, at_end = trained.epochs[2], trained.epochs[5]
    assert changed(trained.start, at_end_of_head) == {"head_dense", "logit"}
    # Half of the backbone's eight layers: the second convolution, but not its normalization, nor its statistics.
    assert changed(at_end_of_head, at_end) == {"convolution_2", "head_dense", "logit"}


def test_cached_features_leave_the_backbone_as_it_was_too(train, config):
    trained = train(replace(config, training=replace(config.training, features="auto", views=2)))
    assert changed(trained.start, trained.epochs[2]) == {"head_dense", "logit"}
    assert changed(trained.epochs[2], trained.epochs[5]) == {"convolution_2", "head_dense", "logit"}


@pytest.mark.slow
def test_normalization_that_is_to_learn_follows_the_batches_already_in_the_head_phase(train, config):
    trained = train(replace(config, model=replace(config.model, batch_norm="trained")))
    learned = {"normalization_1", "normalization_2", "head_dense", "logit"}
    assert changed(trained.start, trained.epochs[2]) == learned
    assert changed(trained.epochs[2], trained.epochs[5]) == learned | {"convolution_2"}
    *_, mean_before, _ = trained.start["normalization_1"]
    *_, mean_after, _ = trained.epochs[2]["normalization_1"]
    assert not np.allclose(mean_before, mean_after)


def test_a_pretrained_network_trained_as_a_whole_keeps_its_statistics(train, config):
    trained = train(replace(config, model=replace(config.model, frozen=False)))
    assert trained.training.phases == ("train",)
    assert changed(trained.start, trained.epochs[-1]) == {"convolution_1", "convolution_2", "head_dense", "logit"}


def test_epochs_count_on_through_phases(trained):
    history = trained.history
    assert history["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    assert history["phase"].tolist() == 3 * ["head"] + 3 * ["fine_tune"]
    assert history["lr"].tolist() == pytest.approx(3 * [1e-2] + 3 * [1e-3])


def test_each_epoch_of_each_phase_is_drawn_for_itself(trained):
    assert trained.batches.train.epoch == 5  # the sixth, counted from 0, as for shuffle and augmentation


# Records


def test_every_epoch_is_told_and_written_down(trained):
    pd.testing.assert_frame_equal(trained.history.drop(columns="best"), pd.DataFrame(trained.records))
    measured = {f"{part}/{name}" for part in ("train", "val") for name in ("loss", "accuracy", "auc")}
    assert set(trained.history) == {"epoch", "phase", "seconds", "lr", "best"} | measured


def test_the_best_epochs_weights_are_kept_over_all_phases(trained):
    history, best = trained.history, trained.training.best_epoch
    assert history["epoch"][history["best"]].tolist() == [best]
    assert history["val/loss"][best - 1] == history["val/loss"].min()
    assert changed(trained.epochs[best - 1], weights(trained.classifier)) == set()


def test_validation_scores_are_scikit_learns_of_the_weights_kept(trained):
    images = trained.batches.val
    kept = trained.history.loc[trained.history["best"]].iloc[0]
    pixels = images.read(np.arange(len(images)))
    logits = ops.convert_to_numpy(trained.classifier.network(pixels, training=False))[:, 0]
    assert kept["val/loss"] == pytest.approx(log_loss(images.labels, expit(logits)), rel=1e-4)
    assert kept["val/accuracy"] == pytest.approx(accuracy_score(images.labels, logits > 0))
    assert kept["val/auc"] == pytest.approx(roc_auc_score(images.labels, logits), abs=0.01)  # Keras' has 200 steps


def test_fine_tuning_that_spoils_the_network_is_undone(train, config):
    model = replace(config.model, fine_tune=replace(config.model.fine_tune, lr=10.0))
    trained = train(replace(config, model=model))
    best = trained.training.best_epoch
    assert trained.history["val/loss"][3:].min() > trained.history["val/loss"][best - 1]
    assert best <= 3
    assert changed(trained.epochs[best - 1], weights(trained.classifier)) == set()


def test_fine_tuning_starts_from_the_heads_best_weights(train, batches, config):
    parts = batches()
    contrary = replace(parts, val=replace(parts.val, labels=1 - parts.val.labels))  # the more it learns, the worse
    standstill = replace(config.model.fine_tune, lr=1e-30, epochs=1)
    optim = replace(config.optim, lr=0.1)
    trained = train(replace(config, model=replace(config.model, fine_tune=standstill), optim=optim), contrary)
    best = trained.history["val/loss"][:3].idxmin()
    assert best < 2
    last, kept, after = (trained.epochs[epoch]["head_dense"][0] for epoch in (2, best, 3))
    assert not np.allclose(after, last)
    np.testing.assert_allclose(after, kept, atol=1e-12)


@pytest.mark.parametrize(("monitor", "best"), [("val_loss", min), ("val_auc", max), ("val_accuracy", max)])
def test_the_monitor_decides_which_epoch_is_kept(monitor, best):
    """Of equals, the first."""
    logs = [
        {"val_loss": 0.9, "val_auc": 0.6, "val_accuracy": 0.5},
        {"val_loss": 0.5, "val_auc": 0.7, "val_accuracy": 0.5},
        {"val_loss": 0.7, "val_auc": 0.8, "val_accuracy": 0.6},
        {"val_loss": 0.5, "val_auc": 0.8, "val_accuracy": 0.6},
    ]
    pixels = keras.Input((1,))
    network = keras.Model(pixels, keras.layers.Dense(1, name="logit")(pixels))
    callback = BestWeights(monitor, network)
    callback.on_train_begin()
    for epoch, values in enumerate(logs):
        network.get_layer("logit").bias.assign([float(epoch)])
        callback.on_epoch_end(epoch, values)
    callback.on_train_end()
    scores = [values[monitor] for values in logs]
    first = scores.index(best(scores))
    assert callback.epoch == first + 1
    assert network.get_layer("logit").get_weights()[1].tolist() == [first]


# When it stops


@pytest.mark.parametrize("features", ["off", "auto"])
def test_a_loss_that_is_no_number_stops_and_says_where_and_what_to_do(train, config, features):
    optim = replace(config.optim, lr=1e30)
    training = replace(config.training, features=features)
    with pytest.raises(NonFiniteLoss, match=r"epoch \d \(phase head, learning rate 1e\+30\)\. Lower optim\.lr$"):
        train(replace(config, optim=optim, training=training))


def test_a_loss_lost_in_fine_tuning_names_that_phases_learning_rate(train, config):
    model = replace(config.model, fine_tune=replace(config.model.fine_tune, lr=1e30))
    with pytest.raises(NonFiniteLoss, match=r"phase fine_tune, .*Lower model\.fine_tune\.lr$"):
        train(replace(config, model=model))


@pytest.fixture
def standstill(config) -> Config:
    """A head that never learns: no epoch is better than the first."""
    optim = replace(config.optim, lr=1e-20, epochs=9, patience=3, reduce_lr=ReduceLr(factor=0.5, patience=2, min_lr=0))
    return replace(
        config, optim=optim, model=replace(config.model, fine_tune=replace(config.model.fine_tune, epochs=0))
    )


def test_training_stops_after_so_many_epochs_without_a_better_one(train, standstill):
    trained = train(standstill)
    assert len(trained.history) == 1 + 3
    assert trained.training.best_epoch == 1


def test_a_plateau_lowers_the_learning_rate(train, standstill):
    trained = train(replace(standstill, optim=replace(standstill.optim, patience=9)))
    rates = trained.history["lr"] / 1e-20
    assert rates.tolist() == pytest.approx([1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125], rel=1e-5)


@pytest.mark.slow
def test_a_cosine_takes_the_learning_rate_to_zero_over_each_phase(train, config):
    history = train(replace(config, optim=replace(config.optim, schedule="cosine"))).history
    # Recorded when an epoch is over, a third, two thirds and the whole of the way.
    cosine = [(1 + math.cos(math.pi * part / 3)) / 2 for part in (1, 2, 3)]
    assert history["lr"][:3].tolist() == pytest.approx([1e-2 * part for part in cosine], abs=1e-8)
    assert history["lr"][3:].tolist() == pytest.approx([1e-3 * part for part in cosine], abs=1e-8)


# What is written


def test_tensorboard_logs_are_written_where_wanted(trained, classifier, batches, config, tmp_path):
    wanted = replace(config, tracking=replace(config.tracking, tensorboard=True, histograms=True))
    fit(classifier(), batches(), replace(wanted, optim=replace(config.optim, epochs=1)), tmp_path)
    assert {file.parent.name for file in (tmp_path / "tensorboard").glob("*/events.*")} == {"train", "validation"}


def test_tensorboard_logs_are_not_written_where_not(classifier, batches, config, tmp_path):
    once = replace(config, model=replace(config.model, fine_tune=replace(config.model.fine_tune, epochs=0)))
    fit(classifier(), batches(), replace(once, optim=replace(config.optim, epochs=1)), tmp_path)
    assert [item.name for item in tmp_path.iterdir()] == ["checkpoints"]


# The network as it is trained


def test_draws_are_carried_out_in_front_of_the_network(classifier, batches):
    augment = Augment(flip=True, rotation=0.1)
    parts = batches(augment)
    network, augmentation = classifier().network, Augmentation(augment)
    (images, draws), _ = next(iter(parts.train.dataset()))
    trained = AugmentedModel(network, augmentation)((images, draws), training=False)
    expected = network(augmentation(images, draws), training=False)
    np.testing.assert_allclose(ops.convert_to_numpy(trained), ops.convert_to_numpy(expected), rtol=1e-5, atol=1e-6)
    assert not np.allclose(ops.convert_to_numpy(trained), ops.convert_to_numpy(network(images)), atol=1e-4)


def test_bare_images_pass_the_augmentation_by(classifier, batches):
    augment = Augment(flip=True, rotation=0.1)
    parts, network = batches(augment), classifier().network
    model = AugmentedModel(network, Augmentation(augment))
    model(next(iter(parts.train.dataset()))[0])  # as Keras does: it trains before it validates
    images = parts.val.read(np.arange(5))
    passed = model(images, training=False)
    np.testing.assert_array_equal(ops.convert_to_numpy(passed), ops.convert_to_numpy(network(images, training=False)))


def test_in_mixed_precision_images_are_augmented_in_full_precision(classifier, batches):
    augment = Augment(rotation=0.1)
    (images, draws), _ = next(iter(batches(augment).train.dataset()))
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network, augmentation = classifier().network, Augmentation(augment)
        trained = AugmentedModel(network, augmentation)((images, draws), training=False)
        expected = network(augmentation(images, draws), training=False)
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_array_equal(
        ops.convert_to_numpy(ops.cast(trained, "float32")), ops.convert_to_numpy(ops.cast(expected, "float32"))
    )
