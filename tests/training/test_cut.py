"""Where networks are cut, and that the two parts together are the whole."""

import keras
import numpy as np
import pytest
from keras import ops

from skinexp import models
from skinexp.config.schema import FineTune, Model, Optim
from skinexp.models import Classifier
from skinexp.models.classifier import FEATURES
from skinexp.models.extractor import extractor
from skinexp.training import cut, phases
from skinexp.training.phases import Phase

SIZE = 64
PIXELS = np.random.default_rng(0).integers(0, 256, (4, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.fixture(scope="module", params=["mobilenet", pytest.param("efficientnet", marks=pytest.mark.slow)])
def transfer(request) -> Classifier:
    """A transfer model whose random weights count as pretrained, with the statistics of these pixels."""
    keras.utils.set_random_seed(0)
    built = models.build(Model(name=request.param, batch_norm_momentum=0.0), SIZE)
    built.network(PIXELS, training=True)
    return Classifier(built.network, built.backbone, built.last_convolution, pretrained=True)


@pytest.fixture(scope="module")
def plan(transfer) -> dict[str, Phase]:
    return {phase.name: phase for phase in phases.plan(transfer, Model(name="mobilenet"), Optim())}


def answer(model, inputs) -> np.ndarray:
    return ops.convert_to_numpy(model(inputs, training=False))


def test_a_head_phase_is_cut_at_the_pooled_features(transfer, plan):
    assert cut.find_cut_layer(plan["head"], transfer) == FEATURES


def test_fine_tuning_is_cut_below_everything_that_learns(transfer, plan):
    """And not a layer lower than needed: the next layer that has weights, or joins two branches, is above."""
    layer = cut.find_cut_layer(plan["fine_tune"], transfer)
    names = [one.name for one in transfer.network.layers]
    learning = [name for name in transfer.backbone if name not in plan["fine_tune"].frozen]
    first = next(name for name in learning if transfer.network.get_layer(name).weights)
    assert names.index(layer) < names.index(first)
    assert layer in plan["fine_tune"].frozen
    assert layer.endswith(("add", "project_BN", "project_bn"))  # the end of a block


@pytest.mark.parametrize("phase", ["head", "fine_tune"])
def test_both_parts_together_are_the_network(transfer, plan, phase):
    layer = cut.find_cut_layer(plan[phase], transfer)
    below = extractor(transfer.network, layer)(PIXELS)
    head_model = cut.HeadModel(transfer, layer)
    whole = answer(transfer.network, PIXELS)
    np.testing.assert_allclose(answer(head_model, below), whole, rtol=1e-3, atol=1e-4)
    assert whole.std() > 0.01


@pytest.mark.parametrize("phase", ["head", "fine_tune"])
def test_the_upper_part_has_exactly_the_weights_that_the_phase_trains(transfer, plan, phase):
    dropout = phases.dropout_rates(transfer.network)
    phases.enter(plan[phase], transfer.network, dropout)
    head_model = cut.HeadModel(transfer, cut.find_cut_layer(plan[phase], transfer))
    learned = {id(weight) for weight in transfer.network.trainable_weights}
    assert {id(weight) for weight in head_model.trainable_weights} == learned
    assert learned


@pytest.mark.parametrize("phase", ["head", "fine_tune"])
def test_the_upper_part_drops_units_in_training(transfer, plan, phase):
    layer = cut.find_cut_layer(plan[phase], transfer)
    below = extractor(transfer.network, layer)(PIXELS)
    head_model = cut.HeadModel(transfer, layer)
    drawn = [ops.convert_to_numpy(head_model(below, training=True)) for _ in range(2)]
    assert not np.allclose(drawn[0], drawn[1])
    np.testing.assert_array_equal(answer(head_model, below), answer(head_model, below))


def test_cutting_leaves_the_graph_as_it_was(transfer, plan):
    before = transfer.network.to_json()
    for phase in plan.values():
        layer = cut.find_cut_layer(phase, transfer)
        cut.HeadModel(transfer, layer)(extractor(transfer.network, layer)(PIXELS))
    assert transfer.network.to_json() == before


def test_a_backbone_that_learns_is_not_cut(transfer):
    for frozen in (False, True):
        model = Model(name="mobilenet", frozen=frozen, fine_tune=FineTune(fraction=1.0))
        *_, last = phases.plan(transfer, model, Optim())
        assert cut.find_cut_layer(last, transfer) is None
    assert cut.find_cut_layer(Phase("train", 1, 1e-3, frozenset()), transfer) is None


@pytest.mark.parametrize("fraction", [0.0, 0.25, 1.0])
def test_a_backbone_whose_normalization_learns_is_not_cut(transfer, fraction):
    """Not even behind its first convolution, which leaves more values than the image has."""
    model = Model(name="mobilenet", batch_norm="trained", fine_tune=FineTune(fraction=fraction))
    for phase in phases.plan(transfer, model, Optim()):
        assert cut.find_cut_layer(phase, transfer) is None


def test_a_network_without_a_backbone_is_not_cut():
    scratch = models.build(Model(name="scratch"), 32)
    assert cut.find_cut_layer(Phase("train", 1, 1e-3, frozenset()), scratch) is None
