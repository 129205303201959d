"""How far features are from those of training, beside SciPy's Mahalanobis distance, and when that is called a shift."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from skinexp.evaluation import domain_shift
from skinexp.evaluation.domain_shift import Reference, fit, looks_of, shift

IMAGES, WIDTH = 400, 64


def features(seed: int, images: int = IMAGES, width: int = WIDTH, away: float = 0.0) -> np.ndarray:
    """A few strong directions among many weak ones, as pooled features have them; shifted by so many deviations."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(width, width)) * np.linspace(3, 0.1, width)[:, None]
    return (rng.normal(size=(images, width)) @ mixing + away * np.abs(mixing).mean() * 5).astype(np.float32)


def looks(images: int = IMAGES, brightness: float = 120.0) -> np.ndarray:
    return np.random.default_rng(5).normal([brightness] * 3 + [30], 10, (images, 4))


def names(first: int, images: int = IMAGES) -> np.ndarray:
    return np.arange(first, first + images, dtype=np.uint64)


@pytest.fixture
def reference() -> Reference:
    found = fit(features(0), features(1), looks(), names(0))
    assert found is not None
    return found


def test_where_all_directions_are_kept_the_distance_is_mahalanobis():
    training, new = features(0, width=6), features(2, images=20, width=6)
    found = fit(training, features(1, width=6), looks(), names(0))
    inverse = np.linalg.inv(np.cov(training, rowvar=False))
    expected = cdist(new, [training.mean(axis=0)], "mahalanobis", VI=inverse)[:, 0]
    np.testing.assert_allclose(found.distance(new), expected, rtol=1e-3)


def test_five_percent_of_the_validation_images_are_far_by_definition(reference):
    assert (reference.distance(features(1)) > reference.limit).mean() == pytest.approx(0.05, abs=0.005)


def test_images_like_those_of_training_are_no_shift(reference):
    found = shift(reference, features(3), looks(), names(1_000))
    assert found.far == pytest.approx(0.05, abs=0.04)
    assert not found.is_shift
    assert found.seen == 0
    assert found.looks["brightness"][2] == pytest.approx(0, abs=0.01)


def test_images_elsewhere_are_a_shift(reference):
    found = shift(reference, features(3, away=2), looks(brightness=150), names(390))
    assert found.far > 0.5
    assert found.is_shift
    assert found.seen == 10
    assert found.looks["brightness"] == pytest.approx((150, 120, 3), abs=0.5)


def test_a_few_far_images_among_few_are_no_shift(reference):
    new = np.concatenate([features(3, images=9), features(4, images=1, away=5)])
    assert not shift(reference, new, looks(10), names(0, 10)).is_shift


def test_features_that_do_not_vary_have_finite_distances():
    same = np.ones((50, WIDTH), dtype=np.float32)
    found = fit(same, same, looks(50), names(0, 50))
    assert np.isfinite(found.distance(features(0))).all()
    assert found.distance(same) == pytest.approx(np.zeros(50), abs=1e-3)


@pytest.mark.parametrize("broken", ["training", "validation"])
def test_nothing_is_kept_of_features_that_are_not_finite(broken):
    parts = {"training": features(0), "validation": features(1)}
    parts[broken][0, 0] = np.nan
    assert fit(**parts, looks=looks(), seen=names(0)) is None


def test_looks_are_those_of_numpy():
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    found = looks_of(images)
    np.testing.assert_allclose(found[:, :3], images.reshape(3, -1, 3).mean(axis=1))
    np.testing.assert_allclose(found[:, 3], images.mean(axis=3).reshape(3, -1).std(axis=1), rtol=1e-5)
    assert len(domain_shift.LOOKS) == found.shape[1]


def test_directions_are_those_of_the_features_decomposition_where_there_are_more_features_than_images():
    training = features(0, images=60, width=200)
    learned = fit(training, features(1, images=60, width=200), looks(60), names(0, 60))
    centred = training - training.mean(axis=0, dtype=np.float64)
    _, singular, expected = np.linalg.svd(centred, full_matrices=False)
    kept = len(learned.variances)
    assert learned.variances == pytest.approx(singular[:kept] ** 2 / 59, rel=1e-4)
    assert np.abs((learned.directions * expected[:kept]).sum(axis=1)) == pytest.approx(np.ones(kept), abs=1e-4)
