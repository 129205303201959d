"""Questions to a network: right answers, and a network that is the same afterwards."""

import keras
import numpy as np
import pytest

from skinexp.health.ask import Questions, without_dropout
from skinexp.models.classifier import FEATURES


def weights_of(network: keras.Model) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(variable) for variable in network.variables]


def test_the_answers_are_what_the_network_predicts(network, discs):
    images, _ = discs
    answers = Questions(network).answers(images)
    np.testing.assert_allclose(answers.logits, network.predict(images, verbose=0)[:, 0], rtol=1e-4, atol=1e-5)
    assert answers.features.shape == (40, 8)
    assert set(answers.largest) == {"relu0", "relu1"}


def test_asking_changes_nothing_not_even_running_statistics(network, discs):
    images, labels = discs
    before = weights_of(network)
    questions = Questions(network)
    questions.answers(images, training=True)
    questions.descent(images, labels)([keras.ops.convert_to_numpy(variable) for variable in questions.variables])
    for one, other in zip(weights_of(network), before, strict=True):
        np.testing.assert_array_equal(one, other)
    assert network.get_layer("dropout").rate == 0.5


def test_training_mode_normalizes_with_the_batchs_own_statistics(network, discs):
    images, _ = discs
    network.get_layer("bn1").moving_variance.assign(100 * np.ones(8))
    questions = Questions(network)
    assert np.std(questions.answers(images, training=True).logits) > 3 * np.std(questions.answers(images).logits)


def test_frozen_normalizations_are_in_inference_in_both_modes(network, discs):
    images, _ = discs
    for layer in network.layers:
        layer.trainable = False
    questions = Questions(network)
    np.testing.assert_allclose(questions.answers(images, training=True).logits, questions.answers(images).logits)


def test_the_largest_activation_of_a_dead_unit_is_zero(network, discs):
    images, _ = discs
    network.get_layer("bn0").beta.assign([-1000.0, *[0.0] * 7])
    largest = Questions(network).answers(images).largest["relu0"]
    assert largest[0] == 0
    assert (largest[1:] > 0).all()


def test_the_part_above_a_cut_answers_as_the_whole(network, discs):
    images, _ = discs
    whole = Questions(network)
    above = Questions(network, "relu0").answers(whole.activation(images, "relu0"))
    np.testing.assert_allclose(above.logits, whole.answers(images).logits, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(above.features, whole.answers(images).features, rtol=1e-5, atol=1e-6)
    assert set(above.largest) == {"relu1"}


def test_where_the_cut_is_at_the_features_what_is_given_are_the_features(network, discs):
    images, _ = discs
    features = Questions(network).activation(images, FEATURES)
    np.testing.assert_array_equal(Questions(network, FEATURES).answers(features).features, features)


def test_what_learns_is_what_the_phase_says_that_was_entered_last(network):
    questions = Questions(network)
    network.get_layer("conv0").trainable = network.get_layer("bn0").trainable = False
    assert set(questions.kernels()) == {"conv1/kernel", "logit/kernel"}


def test_the_gradient_is_the_slope_of_the_loss(network, discs):
    images, labels = discs
    questions = Questions(network)
    start = [keras.ops.convert_to_numpy(variable) for variable in questions.variables]
    descent = questions.descent(images, labels)
    gradients = descent(start).gradients
    kernel = [variable.path for variable in questions.variables].index("logit/kernel")
    gradient = keras.ops.convert_to_numpy(gradients[kernel])
    step = np.zeros_like(start[kernel])
    step[3] = 1e-2
    ahead = [*start[:kernel], start[kernel] + step, *start[kernel + 1 :]]
    behind = [*start[:kernel], start[kernel] - step, *start[kernel + 1 :]]
    slope = (descent(ahead).loss - descent(behind).loss) / 2e-2
    assert gradient[3, 0] == pytest.approx(slope, rel=0.01)


def test_weights_that_the_loss_does_not_depend_on_have_gradient_zero(network, discs):
    images, labels = discs
    network.get_layer("logit").kernel.assign(np.zeros((8, 1)))
    questions = Questions(network)
    slope = questions.descent(images, labels)([variable.value for variable in questions.variables])
    assert not keras.ops.convert_to_numpy(slope.gradients[0]).any()


def test_dropout_is_back_even_after_an_error(network):
    def fail() -> None:
        with without_dropout(network):
            assert network.get_layer("dropout").rate == 0
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert network.get_layer("dropout").rate == 0.5


@pytest.mark.parametrize("often", [False, True])
def test_a_question_that_is_asked_again_is_answered_with_the_weights_of_now(network, discs, often):
    images, _ = discs
    questions = Questions(network, often=often)
    before = questions.answers(images).logits
    network.get_layer("logit").bias.assign([3.0])
    np.testing.assert_allclose(questions.answers(images).logits, before + 3, rtol=1e-5, atol=1e-5)
