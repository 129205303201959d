"""Pretraining a backbone on phantoms: the command line, the parts, and a tiny one from the command to the weights."""

import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest

from skinexp import models
from skinexp.config import compose, schema
from skinexp.config.schema import Config, Model, Phantom
from skinexp.config.validation import check
from skinexp.core.errors import UserError
from skinexp.core.python_command import skinexp_command
from skinexp.data import phantom
from skinexp.data.pipeline import Images
from skinexp.models import packed_weights
from skinexp.pretraining import factor_network, phantom_targets
from skinexp.pretraining.batchnorm_statistics import recompute_batchnorm_statistics
from skinexp.workflows import pretraining
from tests.commands import imported, refusal, typed

PRETRAIN = "skinexp.pretrain"
TINY = (
    "data.phantom.images=80 data.split.train=0.6 data.split.val=0.2 data.split.test=0.2 model.alpha=0.35 "
    "optim.epochs=2 pretrain.small_epochs=1 pretrain.small_size=32 data.preprocess.size=48 pretrain.statistics=32"
)
NAME = "mobilenet_v2_0.35_phantom"

MISTAKES = [  # what is typed, how the message begins, what else it says
    ("pretrain.small=50", "pretrain.small: no such key.", "Did you mean"),
    ("pretrain.warm_up=1", "pretrain.warm_up: must be at least 0 and below 1.", "Received: 1.0"),
    ("-m model=mobilenet,efficientnet", f"-m: belongs to {skinexp_command('train')}", "one run"),
    ("model=scratch", "model: the scratch CNN has no backbone", "Received: model=scratch"),
    ("data=folder data.path=.", "data: a backbone is pretrained on phantoms", "Received: data=folder"),
    ("data.augmented_copies=2", "data.augmented_copies: a backbone is pretrained on phantoms as they", "Received: 2"),
    ("data.phantom.shortcut.flip_test=true", "data.phantom.shortcut.flip_test: ", "Received: true"),
    ("model.weights=phantom", "model.weights: a backbone is pretrained from random weights", "Received: phantom"),
    ("pretrain.small_epochs=99", "pretrain.small_epochs: must be at most optim.epochs=", "Received: 99"),
    ("pretrain.small_size=100", "pretrain.small_size: must be at most data.preprocess.size=96", "Received: 100"),
]


def composed(*overrides: str) -> Config:
    return compose(overrides, "pretrain")


@pytest.mark.parametrize(("arguments", "begins", "says"), MISTAKES)
def test_a_mistake_is_answered_in_one_line(arguments, begins, says, tmp_path):
    line = refusal(PRETRAIN, arguments, tmp_path)
    assert line.startswith(begins)
    assert says in line


@pytest.mark.parametrize("model", ["mobilenet", "efficientnet"])
def test_the_recipe_passes_for_each_backbone(model):
    check(composed(f"model={model}"))


def test_the_help_lists_its_own_keys_with_the_values_of_the_recipe(tmp_path):
    shown = typed(PRETRAIN, "--help", tmp_path).stdout
    for key, value in vars(composed().pretrain).items():
        assert f"  pretrain.{key}={value:g} " in shown


@pytest.mark.parametrize("arguments", ["--help", "--cfg job", "pretrain.small=1", "pretrain.warm_up=1"])
def test_what_needs_no_model_imports_nothing_heavy(arguments, tmp_path):
    assert imported(PRETRAIN, arguments, tmp_path) == "HEAVY []"


# The parts


def test_factors_are_numbers_from_0_to_1_with_a_name_each():
    vectors = phantom_targets.factor_targets(range(400), 0, Phantom())
    assert vectors.shape == (400, len(phantom_targets.TARGETS))
    assert vectors.min() >= 0
    assert vectors.max() <= 1
    assert (vectors.std(axis=0) > 0).all()


def test_factors_are_those_of_the_phantom_at_that_position():
    drawn = phantom.factors(3, 7, Phantom())
    vector = dict(zip(phantom_targets.TARGETS, phantom_targets.factor_targets([7], 3, Phantom())[0], strict=True))
    assert vector["asymmetry"] == drawn.asymmetry / 2
    assert {name for name in phantom.COLOURS if vector[name]} == set(drawn.colours)


def test_exact_factors_have_perfect_scores():
    truth = phantom_targets.factor_targets(range(200), 0, Phantom())
    labels = np.array([phantom.factors(0, index, Phantom(label_noise=0.0)).label for index in range(200)])
    logits = np.log((truth + 1e-6) / (1 - truth + 1e-6))
    scores = phantom_targets.held_out_scores(logits, truth, labels)
    assert set(scores) == {*phantom_targets.TARGETS, "malignant"}
    assert all(next(iter(score.values())) > 0.999 for score in scores.values())


def test_a_constant_prediction_has_the_scores_of_chance():
    truth = phantom_targets.factor_targets(range(200), 0, Phantom())
    scores = phantom_targets.held_out_scores(np.zeros_like(truth), truth, truth[:, 0] > 0.5)
    assert all(score.get("roc_auc", 0.5) == 0.5 for score in scores.values())
    assert all(score.get("r2", 0) <= 0 for score in scores.values())


@pytest.fixture
def small_network() -> keras.Model:
    inputs = keras.Input((4,))
    hidden = keras.layers.BatchNormalization(name="first")(inputs)
    hidden = keras.layers.Dense(3, name="dense")(hidden)
    return keras.Model(inputs, keras.layers.BatchNormalization(name="second")(hidden))


def test_recomputed_statistics_are_those_of_all_batches_together(small_network):
    rows = np.random.default_rng(0).normal((3, -2, 0, 1), (2, 1, 0.1, 5), (64, 4)).astype(np.float32)
    recompute_batchnorm_statistics(small_network, np.split(rows, 4))
    layer = small_network.get_layer("first")
    np.testing.assert_allclose(layer.moving_mean, rows.mean(axis=0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, rows.var(axis=0), rtol=0.1)


def test_recomputing_statistics_leaves_momentum_and_what_learns_as_they_were(small_network):
    before = [np.array(weight) for weight in small_network.trainable_weights]
    momenta = [small_network.get_layer(name).momentum for name in ("first", "second")]
    recompute_batchnorm_statistics(small_network, [np.ones((8, 4), np.float32)])
    for weight, value in zip(small_network.trainable_weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)
    assert [small_network.get_layer(name).momentum for name in ("first", "second")] == momenta


def test_batches_carry_the_factors_of_their_images():
    pixels = np.arange(12, dtype=np.uint8)[:, None, None, None] * np.ones((1, 32, 32, 3), np.uint8)
    truth = np.arange(12, dtype=np.float32)[:, None] * np.array([1, 10], np.float32)
    images = Images(pixels, np.arange(12), truth)
    batches = pretraining.FactorBatches(images, schema.Augment(), batch_size=5, seed=0)
    seen = [(batch[0].numpy(), values.numpy()) for batch, values in batches.dataset()]
    assert sum(len(values) for _, values in seen) == 12
    for read, values in seen:
        np.testing.assert_array_equal(values, read[:, 0, 0, :1] * np.array([1.0, 10.0]))


@pytest.mark.parametrize("name", ["mobilenet", "efficientnet"])
def test_packed_weights_make_the_same_features_in_a_network_of_any_size(name, tmp_path):
    pretrained = factor_network.build(Model(name=name, alpha=0.35 if name == "mobilenet" else 1.0), count=3)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3)).astype(np.float32)
    recompute_batchnorm_statistics(pretrained.network, [pixels])
    file = tmp_path / "some.npz"
    packed_weights.write(pretrained.backbone, file, {"licence": "mine"})
    built = models.build(Model(name=name, alpha=0.35 if name == "mobilenet" else 1.0, weights=str(file)), 64)
    pooled = keras.Function(built.network.inputs[0], built.network.get_layer("features").output)
    for weight in pretrained.backbone.weights:
        if len(weight.shape) > 1:  # to what float16 leaves of a kernel: an untrained network magnifies the rest
            weight.assign(np.asarray(weight).astype(np.float16))
    expected = np.asarray(pretrained.backbone([pixels])).mean(axis=(1, 2))
    np.testing.assert_allclose(np.asarray(pooled(pixels)), expected, atol=1e-3 * expected.std())


# A tiny one


def pretrained_in(place: Path) -> Path:
    finished = typed(PRETRAIN, TINY, place)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return next(place.glob("outputs/*/*"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    """The directory of a pretraining."""
    return pretrained_in(tmp_path_factory.mktemp("pretrain"))


@pytest.mark.slow
def test_it_leaves_weights_their_card_and_a_log(tiny):
    files = {file.name for file in tiny.iterdir() if file.is_file()}
    assert files == {f"{NAME}.npz", f"{NAME}.json", "pretrain.log", ".run.lock"}


@pytest.mark.slow
def test_the_same_command_makes_the_same_weights_to_the_bit(tiny, tmp_path):
    places = tiny, pretrained_in(tmp_path)
    first, second = (json.loads((place / f"{NAME}.json").read_text()) for place in places)
    assert first["sha256"] == second["sha256"]
    assert {**first, "seconds": 0} == {**second, "seconds": 0}


@pytest.mark.slow
def test_the_card_says_what_was_done(tiny):
    card = json.loads((tiny / f"{NAME}.json").read_text())
    assert card["command"] == f"python -m skinexp.pretrain {TINY}"
    assert card["data"]["learned"] == 48
    assert card["data"]["held_out"] == 32
    assert len(card["losses"]) == card["recipe"]["optim"]["epochs"] == 2
    assert card["licence"] == "Apache-2.0"
    assert set(card["held_out_scores"]) == {*phantom_targets.TARGETS, "malignant"}


@pytest.mark.slow
def test_it_says_how_far_it_is_at_which_size(tiny):
    log = (tiny / "pretrain.log").read_text()
    assert re.findall(r"epoch (\d/2 at \d+ px)", log) == ["1/2 at 32 px", "2/2 at 48 px"]


@pytest.mark.slow
def test_a_network_takes_what_it_made(tiny):
    built = models.build(Model(name="mobilenet", alpha=0.35, weights=str(tiny / f"{NAME}.npz")), 32)
    assert built.pretrained


@pytest.mark.slow
def test_what_it_made_does_not_fit_another_width(tiny):
    with pytest.raises(UserError, match="does not fit"):
        models.build(Model(name="mobilenet", alpha=0.5, weights=str(tiny / f"{NAME}.npz")), 32)
