"""Which layers learn in which phase, and that frozen ones compute as in inference."""

import keras
import numpy as np
import pytest
from keras import ops

from skinexp import models
from skinexp.config.schema import FineTune, Model, Optim
from skinexp.models import Classifier
from skinexp.models.classifier import FEATURES
from skinexp.training.phases import Phase, dropout_rates, enter, plan

OPTIM = Optim(epochs=7, lr=2e-3)


@pytest.fixture(scope="module")
def mobilenet() -> Classifier:
    return models.build(Model(name="mobilenet", alpha=0.35), 32)


@pytest.fixture(scope="module")
def pretrained_mobilenet(mobilenet) -> Classifier:
    """Says of itself that it is."""
    return Classifier(mobilenet.network, mobilenet.backbone, mobilenet.last_convolution, pretrained=True)


@pytest.fixture
def efficientnet() -> Classifier:
    built = models.build(Model(name="efficientnet"), 32)
    return Classifier(built.network, built.backbone, built.last_convolution, pretrained=True)


def normalizations(classifier: Classifier) -> set[str]:
    return {
        layer.name for layer in classifier.network.layers if isinstance(layer, keras.layers.BatchNormalization)
    } & set(classifier.backbone)


# The plan


def test_the_scratch_network_is_trained_as_a_whole():
    scratch = models.build(Model(name="scratch"), 32)
    assert plan(scratch, Model(name="scratch"), OPTIM) == [Phase("train", 7, 2e-3, frozenset())]


def test_a_backbone_without_weights_is_trained_as_a_whole(mobilenet):
    assert plan(mobilenet, Model(name="mobilenet"), OPTIM) == [Phase("train", 7, 2e-3, frozenset())]


def test_a_pretrained_backbone_gets_a_head_first_and_then_its_end_is_trained(pretrained_mobilenet):
    options = Model(name="mobilenet", fine_tune=FineTune(fraction=0.25, epochs=5, lr=3e-5))
    head, fine_tune = plan(pretrained_mobilenet, options, OPTIM)
    assert (head.name, head.epochs, head.lr) == ("head", 7, 2e-3)
    assert head.frozen == set(pretrained_mobilenet.backbone)
    assert (fine_tune.name, fine_tune.epochs, fine_tune.lr) == ("fine_tune", 5, 3e-5)


def test_fine_tuning_unfreezes_the_last_quarter_but_for_normalization(pretrained_mobilenet):
    fine_tune = plan(pretrained_mobilenet, Model(name="mobilenet", fine_tune=FineTune(fraction=0.25)), OPTIM)[1]
    backbone = pretrained_mobilenet.backbone
    last = set(backbone[-(len(backbone) // 4) :])
    assert set(backbone) - fine_tune.frozen == last - normalizations(pretrained_mobilenet)
    assert pretrained_mobilenet.last_convolution in last
    assert "Conv_1" in last  # the convolution that comes last


def test_a_pretrained_backbone_that_is_not_frozen_is_trained_but_for_normalization(pretrained_mobilenet):
    (phase,) = plan(pretrained_mobilenet, Model(name="mobilenet", frozen=False), OPTIM)
    assert phase.name == "train"
    assert phase.frozen == normalizations(pretrained_mobilenet) != set()


@pytest.mark.parametrize("fine_tune", [FineTune(epochs=0), FineTune(fraction=0.0), FineTune(fraction=0.001)])
def test_without_epochs_or_layers_to_fine_tune_there_is_only_the_head(pretrained_mobilenet, fine_tune):
    phases = plan(pretrained_mobilenet, Model(name="mobilenet", fine_tune=fine_tune), OPTIM)
    assert [phase.name for phase in phases] == ["head"]


def test_fine_tuning_everything_still_leaves_normalization_frozen(pretrained_mobilenet):
    fine_tune = plan(pretrained_mobilenet, Model(name="mobilenet", fine_tune=FineTune(fraction=1.0)), OPTIM)[1]
    assert fine_tune.frozen == normalizations(pretrained_mobilenet)


def test_normalization_that_is_to_learn_learns_in_every_phase(pretrained_mobilenet):
    head, fine_tune = plan(pretrained_mobilenet, Model(name="mobilenet", batch_norm="trained"), OPTIM)
    backbone = set(pretrained_mobilenet.backbone)
    assert backbone - head.frozen == normalizations(pretrained_mobilenet) != set()
    assert backbone - fine_tune.frozen > normalizations(pretrained_mobilenet)


def test_normalization_that_is_to_learn_leaves_nothing_frozen_where_all_is_trained(pretrained_mobilenet):
    options = Model(name="mobilenet", batch_norm="trained", frozen=False)
    assert plan(pretrained_mobilenet, options, OPTIM) == [Phase("train", 7, 2e-3, frozenset())]


def test_normalization_without_pretrained_weights_learns_either_way(mobilenet):
    plans = [plan(mobilenet, Model(name="mobilenet", batch_norm=choice), OPTIM) for choice in ("frozen", "trained")]
    assert plans[0] == plans[1]


# Entering a phase


def test_only_the_head_has_weights_to_train_in_the_head_phase(pretrained_mobilenet):
    network = pretrained_mobilenet.network
    head, fine_tune = plan(pretrained_mobilenet, Model(name="mobilenet"), OPTIM)
    enter(head, network, dropout_rates(network))
    assert [weight.path.split("/")[0] for weight in network.trainable_weights] == 2 * ["head_dense"] + 2 * ["logit"]
    enter(fine_tune, network, dropout_rates(network))
    trained = {layer.name for layer in network.layers if layer.trainable_weights}
    assert {"head_dense", "logit", "Conv_1"} <= trained
    assert not trained & fine_tune.frozen


def test_a_frozen_dropout_drops_nothing_until_its_phase_comes(efficientnet):
    network = efficientnet.network
    rates = dropout_rates(network)
    inside = set(efficientnet.backbone) & set(rates)
    head, fine_tune = plan(efficientnet, Model(name="efficientnet"), OPTIM)
    assert len(inside) > 5
    enter(head, network, rates)
    assert {network.get_layer(name).rate for name in inside} == {0.0}
    assert network.get_layer("head_dropout").rate == rates["head_dropout"] > 0
    enter(fine_tune, network, rates)
    for name in inside:
        assert network.get_layer(name).rate == (0.0 if name in fine_tune.frozen else rates[name])
    assert {network.get_layer(name).rate for name in inside} > {0.0}
    enter(Phase("train", 1, 1e-3, frozenset()), network, rates)
    assert dropout_rates(network) == rates


def test_a_frozen_backbone_computes_in_training_as_in_inference(classifier):
    tiny = classifier()
    pooled = keras.Model(tiny.network.inputs[0], tiny.network.get_layer(FEATURES).output)
    pixels = np.random.default_rng(1).integers(0, 256, (8, 32, 32, 3)).astype(np.float32)

    def features(training: bool) -> np.ndarray:
        return ops.convert_to_numpy(pooled(pixels, training=training))

    expected, rates = features(training=False), dropout_rates(tiny.network)
    head, fine_tune = plan(tiny, Model(name="mobilenet", fine_tune=FineTune(fraction=0.5)), OPTIM)
    enter(head, tiny.network, rates)
    np.testing.assert_array_equal(features(training=True), expected)
    enter(fine_tune, tiny.network, rates)
    assert not np.allclose(features(training=True), expected)  # its last dropout is awake again
    np.testing.assert_array_equal(features(training=False), expected)
