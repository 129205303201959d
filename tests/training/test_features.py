"""Cached features are the network's own, and a head trained on them is the one that the whole network would get."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from skinexp import models
from skinexp.config.schema import Augment, Model
from skinexp.core.errors import UserError
from skinexp.data.augment import Augmentation
from skinexp.data.pipeline import Images
from skinexp.models import Classifier
from skinexp.models.classifier import FEATURES
from skinexp.training import features, fit, phase_task
from skinexp.training.features import FeatureBatches
from tests.security.damage import WAYS, remove

LIGHT = Augment(flip=True, rotation=0.05, brightness=0.1)


def own_features(classifier: Classifier, pixels: np.ndarray) -> np.ndarray:
    network = classifier.network
    return ops.convert_to_numpy(keras.Function(network.inputs[0], network.get_layer(FEATURES).output)(pixels))


def everything(images) -> np.ndarray:
    return images.read(np.arange(len(images)))


# What is cached


@pytest.mark.parametrize("backbone", ["tiny", "mobilenet"])
def test_cached_features_are_what_the_network_computes(backbone, classifier, batches, tmp_path, request):
    if backbone == "tiny":
        built = classifier()
    else:
        file = str(request.getfixturevalue("mobilenet_file"))
        built = models.build(Model(name="mobilenet", alpha=0.35, weights=file), 32)
    parts = batches()
    trained = features.training_features(built, FEATURES, parts, Augmentation(Augment()), 3, tmp_path)
    validated = features.validation_features(built, FEATURES, parts, tmp_path)
    assert trained.shape[:2] == (1, 60)  # without augmentation all views are one
    # Sums in another order: on some processors a feature in ten thousand differs by more than its last two digits.
    np.testing.assert_allclose(trained[0], own_features(built, everything(parts.train.images)), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(validated, own_features(built, everything(parts.val)), rtol=1e-4, atol=1e-4)
    assert validated.std(axis=0).max() > 0.01


def test_each_view_is_the_image_augmented_anew(classifier, batches, tmp_path):
    tiny, parts = classifier(), batches(LIGHT)
    views = features.training_features(tiny, FEATURES, parts, Augmentation(LIGHT), 3, tmp_path)
    assert views.shape == (3, 60, 8)
    pixels = everything(parts.train.images)
    for number, view in enumerate(views):
        draws = parts.train.draws("view augment", number)
        expected = own_features(tiny, ops.convert_to_numpy(Augmentation(LIGHT)(pixels, draws)))
        np.testing.assert_allclose(view, expected, rtol=1e-4, atol=1e-5)
    assert not np.allclose(views[0], views[1], atol=1e-3)


def test_computing_features_leaves_the_graph_as_it_was(classifier, batches, tmp_path):
    tiny = classifier()
    before = tiny.network.to_json()
    features.validation_features(tiny, FEATURES, batches(), tmp_path)
    assert tiny.network.to_json() == before
    assert len({len(layer._inbound_nodes) for layer in tiny.network.layers}) == 1


# The cache


def files(cache: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mtime_ns for file in (cache / "features").iterdir()}


def test_features_are_read_from_the_cache_the_second_time(classifier, batches, tmp_path):
    first = features.training_features(classifier(), FEATURES, batches(LIGHT), Augmentation(LIGHT), 2, tmp_path)
    written = files(tmp_path)
    again = features.training_features(classifier(), FEATURES, batches(LIGHT), Augmentation(LIGHT), 2, tmp_path)
    assert files(tmp_path) == written
    assert len(written) == 1
    np.testing.assert_array_equal(first, again)


def test_the_head_has_no_part_in_the_key(classifier, batches, tmp_path):
    tiny = classifier()
    features.validation_features(tiny, FEATURES, batches(), tmp_path)
    tiny.network.get_layer("logit").bias.assign([3.0])
    features.validation_features(tiny, FEATURES, batches(), tmp_path)
    assert len(files(tmp_path)) == 1


@pytest.mark.parametrize("change", ["weights", "statistics", "scaling", "pixels", "images", "precision"])
def test_what_features_are_computed_from_changes_the_key(change, classifier, batches, tmp_path):
    tiny, parts = classifier(), batches()
    features.validation_features(tiny, FEATURES, parts, tmp_path)
    match change:
        case "weights":
            tiny.network.get_layer("convolution_2").bias.assign(np.ones(8))
        case "statistics":
            tiny.network.get_layer("normalization_1").moving_mean.assign(np.ones(8))
        case "scaling":
            tiny.network.get_layer("input_scaling").scale = 1 / 255
        case "pixels":
            changed = parts.val.pixels.copy()
            changed[parts.val.rows[3], 0, 0, 0] ^= 1
            parts = replace(parts, val=replace(parts.val, pixels=changed))
        case "images":
            parts = replace(parts, val=replace(parts.val, rows=parts.val.rows[1:], labels=parts.val.labels[1:]))
        case "precision":
            keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        features.validation_features(tiny, FEATURES, parts, tmp_path)
    finally:
        keras.config.set_dtype_policy("float32")
    assert len(files(tmp_path)) == 2


def test_other_draws_change_the_key(classifier, batches, tmp_path):
    for seed in (0, 1):
        features.training_features(classifier(), FEATURES, batches(LIGHT, seed), Augmentation(LIGHT), 2, tmp_path)
    assert len(files(tmp_path)) == 2


def test_features_of_another_layer_are_kept_apart(classifier, batches, tmp_path):
    tiny = classifier()
    for layer in (FEATURES, "activation_1"):
        features.validation_features(tiny, layer, batches(), tmp_path)
    assert len(files(tmp_path)) == 2


def test_a_computation_that_was_stopped_is_done_again(classifier, batches, tmp_path, monkeypatch):
    parts = batches()
    with monkeypatch.context() as broken:
        broken.setattr(Images, "read", lambda images, members: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            features.validation_features(classifier(), FEATURES, parts, tmp_path)
    expected = features.validation_features(classifier(), FEATURES, parts, tmp_path / "elsewhere")
    np.testing.assert_array_equal(features.validation_features(classifier(), FEATURES, parts, tmp_path), expected)


def test_jobs_that_need_the_same_features_at_once_compute_them_once(classifier, batches, tmp_path, caplog):
    """Threads here; the lock is a file's and keeps processes apart in the same way."""
    caplog.set_level("DEBUG")

    def compute(tiny: Classifier) -> np.ndarray:
        return features.validation_features(tiny, FEATURES, batches(), tmp_path)

    networks = [classifier() for _ in range(3)]
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(compute, networks))
    assert sum("Features  of 28 images" in line for line in caplog.messages) == 1
    assert sum("Features  found in the cache" in line for line in caplog.messages) == 2
    for other in found[1:]:
        np.testing.assert_array_equal(found[0], other)


def test_the_size_on_disk_is_known_beforehand(classifier, batches, tmp_path):
    tiny, parts = classifier(), batches(LIGHT)
    expected = features.size(tiny, "activation_1", parts, views=2)
    features.training_features(tiny, "activation_1", parts, Augmentation(LIGHT), 2, tmp_path)
    features.validation_features(tiny, "activation_1", parts, tmp_path)
    written = sum(file.stat().st_size for file in (tmp_path / "features").iterdir())
    assert written == pytest.approx(expected, abs=300)  # beside the numbers each file has a header of 128 bytes


def test_a_disk_that_has_become_full_is_told_in_a_sentence(classifier, batches, tmp_path, monkeypatch):
    """And not left to the system, which ends a process that writes to a memory map for which there is no room."""
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=28 * 8 * 4 - 1))
    with pytest.raises(UserError, match=r"^data\.cache: .* 896 bytes are needed and 895 are free\. Free some"):
        features.validation_features(classifier(), FEATURES, batches(), tmp_path)


def test_what_would_fill_the_disk_is_not_kept(classifier, batches, config, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(phase_task, "SHARE_OF_DISK", 1e-15)
    data, training = replace(config.data, cache=str(tmp_path)), replace(config.training, features="auto")
    fit(classifier(), batches(), replace(config, data=data, training=training), tmp_path)
    assert "Features  not cached: they would take" in caplog.text
    assert not (tmp_path / "features").exists()


# Batches of features


@pytest.fixture
def drawn() -> FeatureBatches:
    """Three views of twenty images, drawn afresh every third epoch from the third on.

    A feature says which view of which image it is of, and how many times views were drawn before.
    """
    views = np.arange(3)[:, None, None] * 100 + np.arange(20)[None, :, None].astype(np.float32)
    return FeatureBatches(lambda number: views + 1000 * number, np.arange(20) % 2, 8, seed=5, first=2, redraw=3)


def epoch(drawn: FeatureBatches, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Features and labels, in the order of the epoch."""
    drawn.begin(number)
    values, labels = zip(*drawn.dataset().as_numpy_iterator(), strict=True)
    return np.concatenate(values)[:, 0], np.concatenate(labels)[:, 0]


def test_an_epoch_shows_one_view_of_each_image_with_its_label(drawn):
    values, labels = epoch(drawn, 2)
    images = values.astype(int) % 100
    assert sorted(images) == list(range(20))
    np.testing.assert_array_equal(labels, images % 2)
    assert set(values.astype(int) // 100) == {0, 1, 2}


def test_views_and_order_of_an_epoch_depend_on_the_seed_and_the_epoch_alone(drawn):
    first = [epoch(drawn, number)[0] for number in (2, 3, 4)]
    np.testing.assert_array_equal(epoch(drawn, 3)[0], first[1])
    assert not np.array_equal(first[0], first[1])
    views = [np.sort(values % 100 * 100 + values // 100) for values in first]  # by image, then by view
    assert not np.array_equal(views[0], views[1])


def test_views_are_drawn_afresh_after_so_many_epochs(drawn):
    times = [set(epoch(drawn, number)[0].astype(int) // 1000) for number in range(2, 9)]
    assert times == [{0}, {0}, {0}, {1}, {1}, {1}, {2}]


def test_one_data_set_follows_views_drawn_afresh(drawn):
    dataset = drawn.dataset()
    for number, expected in ((2, 0), (5, 1), (2, 0)):
        drawn.begin(number)
        values = np.concatenate([values for values, _ in dataset.as_numpy_iterator()])
        assert set(values[:, 0].astype(int) // 1000) == {expected}


def test_each_time_views_are_drawn_they_are_others(classifier, batches, tmp_path):
    tiny, parts = classifier(), batches(LIGHT)
    first, second = (
        features.training_features(tiny, FEATURES, parts, Augmentation(LIGHT), 2, tmp_path, number) for number in (0, 1)
    )
    assert not any(np.allclose(one, other, atol=1e-3) for one in first for other in second)


# Training on features


@pytest.mark.parametrize("redraw", [pytest.param(None, marks=pytest.mark.slow), 1])
def test_training_on_features_follows_the_same_curve_as_training_the_whole_network(
    redraw, classifier, batches, config, tmp_path
):
    """Without augmentation and dropout there is nothing that the two could see differently, in either phase."""
    curves, answers = {}, {}
    for way in ("off", "auto"):
        tiny, parts = classifier(), batches()
        for layer in tiny.network.layers:
            if isinstance(layer, keras.layers.Dropout):
                layer.rate = 0.0
        run = replace(config, training=replace(config.training, features=way, redraw=redraw))
        history = fit(tiny, parts, run, tmp_path / way).history
        assert history["phase"].tolist() == ["head"] * 3 + ["fine_tune"] * 3
        curves[way] = history[["train/loss", "val/loss", "val/auc"]].to_numpy()
        answers[way] = ops.convert_to_numpy(tiny.network(everything(parts.test), training=False))
    assert curves["off"][0, 0] - curves["off"][-1, 0] > 1e-3  # it learned something
    np.testing.assert_allclose(curves["auto"], curves["off"], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(answers["auto"], answers["off"], rtol=1e-2, atol=1e-3)


def test_no_more_views_are_computed_than_epochs_could_show(classifier, batches, config, tmp_path):
    run = replace(
        config,
        data=replace(config.data, cache=str(tmp_path)),
        augment=LIGHT,
        optim=replace(config.optim, epochs=2),
        training=replace(config.training, features="auto", views=9),
    )
    fit(classifier(), batches(LIGHT), run, tmp_path)
    shapes = {np.load(file, mmap_mode="r").shape[0] for file in (tmp_path / "features").iterdir()}
    assert shapes == {1, 2, 3}  # validation images, two epochs of the head, three of fine-tuning


# Damage


def test_damaged_features_are_computed_again_and_that_is_said(classifier, batches, tmp_path, caplog):
    tiny, parts = classifier(), batches()
    expected = np.array(features.validation_features(tiny, FEATURES, parts, tmp_path / "of nothing"))
    features.validation_features(tiny, FEATURES, parts, tmp_path)
    (file,) = (tmp_path / "features").iterdir()
    for damage in WAYS:
        damage(file)
        caplog.clear()
        np.testing.assert_array_equal(features.validation_features(tiny, FEATURES, parts, tmp_path), expected)
        said = [line for line in caplog.messages if line.startswith("Damaged")]
        assert said == [f"Damaged   features in {file} are computed again"] * (damage is not remove)


def test_features_of_a_cache_that_cannot_be_written_are_read(classifier, batches, tmp_path, monkeypatch):
    tiny, parts = classifier(), batches()
    expected = features.validation_features(tiny, FEATURES, parts, tmp_path)
    monkeypatch.setattr(features, "cache_lock", None)  # which writes
    np.testing.assert_array_equal(features.validation_features(tiny, FEATURES, parts, tmp_path), expected)
