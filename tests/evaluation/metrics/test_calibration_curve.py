"""The smooth calibration curve: as fitted by hand, point by point, and the errors that are read from it."""

import numpy as np
import pytest
from scipy.special import expit

from skinexp.evaluation.metrics.calibration_curve import MOST, SPAN, CalibrationCurve, calibration_errors


def study(images=40, seed=0):
    generator = np.random.default_rng(seed)
    probabilities = expit(generator.normal(-1, 1.5, images))
    return (generator.random(images) < probabilities**1.5).astype(int), probabilities


def by_hand(labels, probabilities, at, counts=None):
    """The parabola that NumPy fits to the nearest three quarters of the images, with tricube weights."""
    distances = np.abs(probabilities - at)
    farthest = np.sort(distances)[int(SPAN * len(labels)) - 1]
    weights = np.clip(1 - (distances / farthest) ** 3, 0, None) ** 3 * (1 if counts is None else counts)
    return np.polyfit(probabilities - at, labels, 2, w=np.sqrt(weights))[2]


def test_the_curve_is_the_parabola_fitted_by_hand_at_each_probability():
    labels, probabilities = study()
    curve = CalibrationCurve(labels, probabilities)

    observed, images = curve(np.ones((1, 40)))

    assert curve.probabilities.tolist() == pytest.approx(sorted(probabilities))
    assert images.tolist() == [[1] * 40]
    expected = [by_hand(labels, probabilities, at) for at in curve.probabilities]
    assert observed[0] == pytest.approx(np.clip(expected, 0, 1))


def test_a_weighting_is_images_shown_several_times_or_never():
    labels, probabilities = study()
    counts = np.random.default_rng(1).integers(0, 4, 40)
    curve = CalibrationCurve(labels, probabilities)

    (once, drawn, twice), images = curve(np.stack([np.ones(40), counts, np.full(40, 2.0)]))

    assert twice == pytest.approx(once)
    expected = [by_hand(labels, probabilities, at, counts) for at in curve.probabilities]
    assert drawn == pytest.approx(np.clip(expected, 0, 1))
    assert images[1].tolist() == counts[np.argsort(probabilities)].tolist()


def test_images_of_one_probability_have_their_share():
    observed, _ = CalibrationCurve([0, 1, 1, 0, 0], [0.3] * 5)(np.ones((1, 5)))
    assert observed.tolist() == [[pytest.approx(0.4)]]


def test_two_probabilities_have_their_shares_and_a_curve_ends_at_0_and_1():
    two, _ = CalibrationCurve([0, 1, 1, 0, 1, 1, 1, 1], [0.2] * 4 + [0.7] * 4)(np.ones((1, 8)))
    assert two.tolist() == [[pytest.approx(0.5), pytest.approx(1.0)]]
    labels, probabilities = np.repeat([0, 1], [30, 10]), np.concatenate([np.linspace(0, 0.3, 30), np.full(10, 0.9)])
    observed, _ = CalibrationCurve(labels, probabilities)(np.ones((1, 40)))
    assert observed.min() == 0
    assert 0.99 < observed.max() <= 1


def test_many_probabilities_share_their_places_and_hardly_move_the_curve():
    labels, probabilities = study(images=2_000)
    curve = CalibrationCurve(labels, probabilities)

    (observed,), (images,) = curve(np.ones((1, 2_000)))

    assert len(curve.probabilities) == MOST
    assert images.sum() == 2_000
    some = slice(None, None, 25)
    exact = [by_hand(labels, probabilities, at) for at in curve.probabilities[some]]
    assert observed[some] == pytest.approx(np.clip(exact, 0, 1), abs=2e-3)


def test_errors_are_mean_median_and_90th_percentile_of_the_gaps():
    gaps = np.array([[0.3, 0.1, 0.4, 0.2, np.nan], [0.3, 0.1, 0.4, 0.2, 0.5]])
    images = np.array([[1.0, 1, 1, 1, 0], [6, 2, 1, 1, 0]])

    errors = calibration_errors(gaps, images)

    assert errors["ici"] == pytest.approx([0.25, 0.26])
    assert errors["e50"] == pytest.approx([0.2, 0.3])
    assert errors["e90"] == pytest.approx([0.4, 0.3])


def test_the_index_is_how_far_probabilities_are_from_the_truth_they_were_drawn_with():
    generator = np.random.default_rng(0)
    probabilities = generator.random(20_000)
    for power, truth in ((1, 0.0), (2, 1 / 6)):
        labels = (generator.random(20_000) < probabilities**power).astype(int)
        curve = CalibrationCurve(labels, probabilities)
        observed, images = curve(np.ones((1, 20_000)))
        assert calibration_errors(np.abs(observed - curve.probabilities), images)["ici"] == pytest.approx(
            truth, abs=0.02
        )
