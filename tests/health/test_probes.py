"""Probes against worked examples, and against what must hold for any input."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.special import expit
from sklearn.metrics import log_loss

from skinexp.health import appearance, probes, shortcuts

features = arrays.arrays(np.float64, (6, 4), elements=st.floats(-10, 10, allow_subnormal=False))


def test_features_that_point_one_way_have_cosine_one():
    assert probes.mean_pairwise_cosine([[1.0, 2.0], [2.0, 4.0], [0.5, 1.0]]) == pytest.approx(1)


def test_features_at_right_angles_have_cosine_zero():
    assert probes.mean_pairwise_cosine(np.eye(5)) == pytest.approx(0)


def test_features_that_are_all_zero_are_as_alike_as_can_be():
    assert probes.mean_pairwise_cosine(np.zeros((3, 2))) == pytest.approx(1)
    assert probes.mean_pairwise_cosine([[0.0, 0.0], [1.0, 0.0]]) == pytest.approx(0)


@given(features)
def test_the_cosine_is_the_mean_over_pairs(values):
    lengths = np.linalg.norm(values, axis=1)
    if (lengths < 1e-6).any():
        return
    pairs = [values[i] @ values[j] / lengths[i] / lengths[j] for i in range(6) for j in range(6) if i != j]
    assert probes.mean_pairwise_cosine(values) == pytest.approx(np.mean(pairs), abs=1e-9)


@pytest.mark.parametrize("broken", [[[1.0, math.nan], [1.0, 1.0]], [[math.inf, 0.0], [1.0, 1.0]], [[1.0, 2.0]]])
def test_a_cosine_that_cannot_be_computed_is_nan(broken):
    assert math.isnan(probes.mean_pairwise_cosine(broken))


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_features_that_vary_equally_in_k_directions_have_effective_rank_k(rank):
    corners = np.concatenate([np.eye(rank), -np.eye(rank)])
    assert probes.effective_rank(corners @ np.eye(rank, 7)) == pytest.approx(rank)


def test_features_that_do_not_vary_have_effective_rank_zero():
    assert probes.effective_rank(np.ones((5, 3))) == 0


def test_the_probe_finds_information_whatever_its_scale():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 60)
    noise = rng.normal(size=(120, 50))
    noise[:, 7] += 2.5 * labels
    groups = np.arange(120)
    scaled = 1e-6 * noise + 5
    area = probes.logistic_probe_auc(scaled, labels, groups)
    assert area > 0.8
    assert area == pytest.approx(probes.logistic_probe_auc(noise, labels, groups), abs=0.01)


def test_the_probe_finds_nothing_in_noise():
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1], 150)
    area = probes.logistic_probe_auc(rng.normal(size=(300, 20)), labels, np.arange(300))
    assert abs(area - 0.5) < 3 * probes.chance_error(labels)


def test_the_probe_does_not_learn_lesions_by_heart():
    rng = np.random.default_rng(2)
    lesions = rng.normal(size=(40, 30))
    groups = np.repeat(np.arange(40), 5)
    labels = rng.integers(0, 2, 40)[groups]
    copies = lesions[groups] + 0.01 * rng.normal(size=(200, 30))
    assert probes.logistic_probe_auc(copies, labels, groups) < 0.75
    assert probes.logistic_probe_auc(copies, labels, np.arange(200)) > 0.8  # what a split by image would have said


def test_a_class_with_too_few_images_leaves_the_probe_without_an_answer():
    assert math.isnan(probes.logistic_probe_auc(np.ones((8, 2)), [0] * 7 + [1], np.arange(8)))


def test_a_class_that_is_one_group_cannot_be_on_both_sides_and_is_not_probed():
    labels = np.repeat([0, 1], [30, 6])
    groups = np.where(labels == 1, -1, np.arange(36) // 2)
    assert math.isnan(probes.logistic_probe_auc(np.random.default_rng(0).normal(size=(36, 4)), labels, groups))


def test_turned_labels_of_one_part_turn_the_transferred_area():
    rng = np.random.default_rng(3)
    labels = np.tile([0, 1], 40)
    values = labels[:, None] + 0.3 * rng.normal(size=(80, 2))
    assert probes.transferred_probe_auc(values, labels, values, labels) > 0.95
    assert probes.transferred_probe_auc(values, labels, values, 1 - labels) < 0.05


def test_the_error_of_chance_is_what_shuffled_scores_spread_by():
    rng = np.random.default_rng(4)
    labels = np.repeat([0, 1], [30, 20])
    areas = [probes.auc(labels, rng.permutation(50)) for _ in range(2_000)]
    assert probes.chance_error(labels) == pytest.approx(np.std(areas), rel=0.1)


@given(arrays.arrays(np.float64, 12, elements=st.floats(-20, 20)))
def test_cross_entropy_is_scikit_learns_log_loss(logits):
    labels = np.tile([0, 1], 6)
    assert probes.cross_entropy(labels, logits) == pytest.approx(log_loss(labels, expit(logits)), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_the_entropy_of_the_prior_is_the_loss_of_the_best_constant_answer(share):
    labels = np.arange(100) < 100 * share
    constant = np.full(100, math.log(share / (1 - share)))
    assert probes.prior_entropy(labels) == pytest.approx(probes.cross_entropy(labels, constant))


def test_units_that_never_answer_are_dead():
    assert probes.dead_share([0.0, 3.0, 0.0, 0.1]) == 0.5


def test_gradients_are_measured_in_units_of_the_weights_they_change():
    np.testing.assert_allclose(probes.relative_norms([np.ones(4), np.zeros(2)], [2 * np.ones(4), np.ones(2)]), [0.5, 0])


def test_a_trained_kernel_is_told_from_a_drawn_one():
    rng = np.random.default_rng(5)
    drawn, other = rng.uniform(-0.1, 0.1, (2, 3, 3, 16, 16))
    assert probes.looks_initialised(drawn, other)
    assert not probes.looks_initialised(drawn + 0.05 * rng.standard_t(3, drawn.shape), other)


@pytest.mark.parametrize(("momentum", "updates", "left"), [(0.99, 30, 0.74), (0.999, 30, 0.97), (0.999, 377, 0.69)])
def test_running_statistics_forget_their_start_slowly(momentum, updates, left):
    assert probes.remaining_start(momentum, updates) == pytest.approx(left, abs=0.01)


# --- images -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def pictures() -> np.ndarray:
    """(20, 24, 24, 3): a dark disc of another size on each."""
    y, x = np.mgrid[:24, :24]
    radii = np.linspace(4, 10, 20)[:, None, None]
    inside = np.hypot(y - 12, x - 12) < radii
    return np.where(inside[..., None], 90, np.array([220, 170, 150])).astype(np.uint8)


def test_pictures_are_neither_constant_nor_noise(pictures):
    assert probes.constant_share(pictures) == 0
    assert probes.noise_share(pictures) == 0


def test_pictures_of_one_colour_are_counted(pictures):
    pictures[:5] = (120, 60, 30)
    assert probes.constant_share(pictures) == 0.25


def test_pictures_of_any_range_are_pictures(pictures):
    assert probes.constant_share(pictures / 255.0) == 0


def test_noise_is_counted(pictures):
    pictures[:4] = np.random.default_rng(0).integers(0, 256, (4, 24, 24, 3))
    assert probes.noise_share(pictures) == 0.2


def test_copies_are_counted_once_less(pictures):
    pictures[1] = pictures[2] = pictures[0]
    assert probes.duplicate_share(pictures) == pytest.approx(0.1)


def test_a_sticker_in_a_corner_is_in_the_rim_and_hardly_in_the_mean_colour(pictures):
    marked = pictures.copy()
    marked[:, :3, :3] = (30, 60, 200)
    rims = np.abs(shortcuts.rim(marked) - shortcuts.rim(pictures)).max()
    colours = np.abs(shortcuts.mean_colour(marked) - shortcuts.mean_colour(pictures)).max()
    assert rims > 10 * colours


def test_a_brighter_picture_has_the_same_rim_but_for_its_darkness(pictures):
    np.testing.assert_allclose(
        shortcuts.rim(pictures + np.uint8(20))[:, :24], shortcuts.rim(pictures)[:, :24], atol=1e-9
    )


def test_what_a_picture_looks_like_tells_discs_by_size_and_does_not_depend_on_the_range(pictures):
    large = np.arange(20) >= 10
    described = appearance.describe(pictures)
    assert probes.logistic_probe_auc(described, large, np.arange(20)) > 0.95
    assert described.shape == (20, appearance.describe(pictures[:1] / 255.0).shape[1])
