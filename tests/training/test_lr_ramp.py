"""A range test as it is carried out on a tiny network."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from skinexp.config.schema import Augment, Config, FineTune, LrFind, RangeTest
from skinexp.training import fit
from skinexp.training.lr_ramp import run_lr_range_test

OPTIONS = LrFind(min=1e-6, max=1e2, steps=40)


def of(config: Config, options: LrFind = OPTIONS, **changes) -> RangeTest:
    return RangeTest(**(vars(config) | changes), lr_find=options)


def weights(network: keras.Model) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(variable) for variable in network.variables]


@pytest.fixture(scope="module")
def whole(config) -> Config:
    """Everything learns."""
    return replace(config, model=replace(config.model, frozen=False))


@pytest.mark.slow
def test_it_leaves_the_network_as_it_was_so_that_a_second_test_gives_the_same_curve(classifier, batches, whole):
    built = classifier()
    before = weights(built.network)
    first = run_lr_range_test(built, batches(), of(whole))
    for value, expected in zip(weights(built.network), before, strict=True):
        np.testing.assert_array_equal(value, expected)
    second = run_lr_range_test(built, batches(), of(whole))
    np.testing.assert_array_equal(first.to_numpy(), second.to_numpy())


def test_each_step_has_its_rate_and_the_loss_of_its_own_batch(classifier, batches, whole):
    """At rates that change nothing, the loss of the last batch, which is smaller, is not that of an epoch so far."""
    built, parts = classifier(), batches()
    for layer in built.network.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    curve = run_lr_range_test(built, parts, of(whole, LrFind(min=1e-12, max=1e-10, steps=20)))
    np.testing.assert_allclose(curve["lr"], np.geomspace(1e-12, 1e-10, 20))
    parts.train.begin(0)
    order = parts.train.order()
    pixels, labels = parts.train.images.read(order), parts.train.labels[order]
    logits = built.network.predict(pixels, verbose=0)[:, 0]
    losses = np.logaddexp(0, np.where(labels == 1, -logits, logits))
    expected = [losses[start : start + 16].mean() for start in range(0, 60, 16)]
    np.testing.assert_allclose(curve["loss"][:4], expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("optimizer", "schedule"),
    [
        ("adam", "plateau"),
        pytest.param("adamw", "cosine", marks=pytest.mark.slow),
        pytest.param("sgd", "cosine", marks=pytest.mark.slow),
    ],
)
def test_large_rates_move_the_loss_whatever_the_optimizer(optimizer, schedule, classifier, batches, whole):
    options = replace(whole.optim, name=optimizer, schedule=schedule)
    curve = run_lr_range_test(classifier(), batches(), of(whole, optim=options))
    assert curve["loss"][:4].std() < 0.1
    assert curve["smoothed"].max() > 2 * curve["smoothed"][10] or not np.isfinite(curve["loss"].iloc[-1])


def test_it_stops_where_the_loss_leaves_all_bounds(classifier, batches, whole):
    curve = run_lr_range_test(classifier(), batches(), of(whole, LrFind(min=1e-3, max=1e6, steps=60)))
    assert len(curve) < 60
    last = curve.iloc[-1]
    assert not np.isfinite(last["loss"]) or last["smoothed"] > 4 * curve["smoothed"].min()


@pytest.mark.parametrize("features", ["off", "auto"])
def test_a_frozen_backbone_is_tested_with_its_head(features, classifier, batches, config):
    settings = of(config, augment=Augment(flip=True), training=replace(config.training, features=features))
    built = classifier()
    curve = run_lr_range_test(built, batches(settings.augment), settings)
    assert {layer.name for layer in built.network.layers if layer.trainable and layer.weights} == {
        "head_dense",
        "logit",
    }
    assert len(curve) > 20


@pytest.mark.slow
def test_what_it_cached_is_found_by_the_training_that_follows(classifier, batches, config, tmp_path):
    settings = of(
        config,
        data=replace(config.data, cache=str(tmp_path / "cache")),
        model=replace(config.model, fine_tune=FineTune(epochs=0)),
        training=replace(config.training, features="head"),
    )
    run_lr_range_test(classifier(), batches(), settings)
    kept = set((tmp_path / "cache").rglob("*.npy"))
    assert kept
    fit(classifier(), batches(), settings, tmp_path / "run")
    assert set((tmp_path / "cache").rglob("*.npy")) == kept
