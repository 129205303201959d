"""The network probe: right outputs, and a network that is the same afterwards."""

import keras
import numpy as np
import pytest

from skinexp.health.network_probe import NetworkProbe, without_dropout
from skinexp.models.classifier import FEATURES


def weights_of(network: keras.Model) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(variable) for variable in network.variables]


def test_the_outputs_are_what_the_network_predicts(network, discs):
    images, _ = discs
    outputs = NetworkProbe(network).probe(images)
    np.testing.assert_allclose(outputs.logits, network.predict(images, verbose=0)[:, 0], rtol=1e-4, atol=1e-5)
    assert outputs.features.shape == (40, 8)
    assert set(outputs.largest) == {"relu0", "relu1"}


def test_probing_changes_nothing_not_even_running_statistics(network, discs):
    images, labels = discs
    before = weights_of(network)
    probe = NetworkProbe(network)
    probe.probe(images, training=True)
    probe.loss_function(images, labels)([keras.ops.convert_to_numpy(variable) for variable in probe.variables])
    for one, other in zip(weights_of(network), before, strict=True):
        np.testing.assert_array_equal(one, other)
    assert network.get_layer("dropout").rate == 0.5


def test_training_mode_normalizes_with_the_batchs_own_statistics(network, discs):
    images, _ = discs
    network.get_layer("bn1").moving_variance.assign(100 * np.ones(8))
    probe = NetworkProbe(network)
    assert np.std(probe.probe(images, training=True).logits) > 3 * np.std(probe.probe(images).logits)


def test_frozen_normalizations_are_in_inference_in_both_modes(network, discs):
    images, _ = discs
    for layer in network.layers:
        layer.trainable = False
    probe = NetworkProbe(network)
    np.testing.assert_allclose(probe.probe(images, training=True).logits, probe.probe(images).logits)


def test_the_largest_activation_of_a_dead_unit_is_zero(network, discs):
    images, _ = discs
    network.get_layer("bn0").beta.assign([-1000.0, *[0.0] * 7])
    largest = NetworkProbe(network).probe(images).largest["relu0"]
    assert largest[0] == 0
    assert (largest[1:] > 0).all()


def test_the_part_above_a_cut_has_the_outputs_of_the_whole(network, discs):
    images, _ = discs
    whole = NetworkProbe(network)
    above = NetworkProbe(network, "relu0").probe(whole.activation(images, "relu0"))
    np.testing.assert_allclose(above.logits, whole.probe(images).logits, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(above.features, whole.probe(images).features, rtol=1e-5, atol=1e-6)
    assert set(above.largest) == {"relu1"}


def test_if_the_cut_is_at_the_features_the_inputs_are_the_features(network, discs):
    images, _ = discs
    features = NetworkProbe(network).activation(images, FEATURES)
    np.testing.assert_array_equal(NetworkProbe(network, FEATURES).probe(features).features, features)


def test_trained_variables_are_those_of_the_phase_that_was_entered_last(network):
    probe = NetworkProbe(network)
    network.get_layer("conv0").trainable = network.get_layer("bn0").trainable = False
    assert set(probe.kernels()) == {"conv1/kernel", "logit/kernel"}


def test_the_gradient_is_that_of_the_loss(network, discs):
    images, labels = discs
    probe = NetworkProbe(network)
    start = [keras.ops.convert_to_numpy(variable) for variable in probe.variables]
    loss = probe.loss_function(images, labels)
    gradients = loss(start).gradients
    kernel = [variable.path for variable in probe.variables].index("logit/kernel")
    gradient = keras.ops.convert_to_numpy(gradients[kernel])
    step = np.zeros_like(start[kernel])
    step[3] = 1e-2
    ahead = [*start[:kernel], start[kernel] + step, *start[kernel + 1 :]]
    behind = [*start[:kernel], start[kernel] - step, *start[kernel + 1 :]]
    difference = (loss(ahead).loss - loss(behind).loss) / 2e-2
    assert gradient[3, 0] == pytest.approx(difference, rel=0.01)


def test_weights_that_the_loss_does_not_depend_on_have_gradient_zero(network, discs):
    images, labels = discs
    network.get_layer("logit").kernel.assign(np.zeros((8, 1)))
    probe = NetworkProbe(network)
    at_start = probe.loss_function(images, labels)([variable.value for variable in probe.variables])
    assert not keras.ops.convert_to_numpy(at_start.gradients[0]).any()


def test_dropout_is_back_even_after_an_error(network):
    def fail() -> None:
        with without_dropout(network):
            assert network.get_layer("dropout").rate == 0
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert network.get_layer("dropout").rate == 0.5


@pytest.mark.parametrize("reuse_graph", [False, True])
def test_a_network_that_is_probed_again_is_probed_with_its_current_weights(network, discs, reuse_graph):
    images, _ = discs
    probe = NetworkProbe(network, reuse_graph=reuse_graph)
    before = probe.probe(images).logits
    network.get_layer("logit").bias.assign([3.0])
    np.testing.assert_allclose(probe.probe(images).logits, before + 3, rtol=1e-5, atol=1e-5)
