import dataclasses

import cv2
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinexp import config
from skinexp.data import phantom

OPTIONS = config.Phantom(size=64, hair=0.5, border=0.5)


@pytest.fixture(scope="module")
def many() -> list[phantom.Phantom]:
    return [phantom.render(3, index, config.Phantom(size=64)) for index in range(300)]


def factors_like(**changes) -> phantom.Factors:
    plain = phantom.Factors(0, 0, ("light brown",), ("network",), skin=2, diameter=0.5, hair=False, frame="none")
    return dataclasses.replace(plain, **changes)


def test_the_same_seed_and_index_give_the_same_phantom():
    first, again = phantom.render(1, 7, OPTIONS), phantom.render(1, 7, OPTIONS)
    for name in ("image", "lesion", "hair", "frame"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert first.factors == again.factors


@pytest.mark.parametrize(("seed", "index"), [(1, 8), (2, 7)])
def test_another_seed_or_index_gives_another_phantom(seed, index):
    difference = phantom.render(1, 7, OPTIONS).image.astype(int) - phantom.render(seed, index, OPTIONS).image
    assert np.abs(difference).mean() > 5


def test_factors_are_told_without_drawing():
    assert [phantom.render(0, index, OPTIONS).factors for index in range(5)] == [
        phantom.factors(0, index, OPTIONS) for index in range(5)
    ]


def test_hair_changes_nothing_but_the_pixels_under_it():
    shaven = dataclasses.replace(OPTIONS, hair=0.0)
    hairy = dataclasses.replace(OPTIONS, hair=1.0)
    for index in range(10):
        without, covered = phantom.render(0, index, shaven), phantom.render(0, index, hairy)
        assert dataclasses.replace(covered.factors, hair=False) == without.factors
        np.testing.assert_array_equal(covered.lesion, without.lesion)
        np.testing.assert_array_equal(covered.frame, without.frame)
        changed = np.abs(covered.image.astype(int) - without.image).max(axis=2)
        beside_hair = cv2.dilate(covered.hair.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        assert changed[covered.hair].mean() > 25
        assert changed[~beside_hair].mean() < 0.3  # the tips of the thinnest are too faint for the mask


def test_a_frame_changes_no_pixel_well_within_the_picture():
    bare, framed = dataclasses.replace(OPTIONS, border=0.0), dataclasses.replace(OPTIONS, border=1.0)
    for index in range(10):
        without, within = phantom.render(0, index, bare), phantom.render(0, index, framed)
        middle = np.s_[24:40, 24:40]
        np.testing.assert_array_equal(within.image[middle], without.image[middle])
        assert within.frame.any()
        assert within.image[within.frame].mean() < 0.5 * without.image[within.frame].mean()


def test_masks_are_empty_where_there_is_no_hair_and_no_frame():
    drawn = phantom.render(0, 0, config.Phantom(size=64, hair=0.0, border=0.0))
    assert not drawn.hair.any()
    assert not drawn.frame.any()
    assert drawn.factors.hair is False
    assert drawn.factors.frame == "none"


@pytest.mark.parametrize("size", [32, 33, 96, 385])
def test_image_and_masks_have_the_size_asked_for(size):
    drawn = phantom.render(0, 1, dataclasses.replace(OPTIONS, size=size))
    assert drawn.image.shape == (size, size, 3)
    assert drawn.image.dtype == np.uint8
    for mask in (drawn.lesion, drawn.hair, drawn.frame):
        assert mask.shape == (size, size)
        assert mask.dtype == bool


def test_the_lesion_is_in_the_picture_and_as_large_as_its_diameter_says(many):
    share = np.array([drawn.lesion.mean() for drawn in many])
    disc = np.array([np.pi / 4 * drawn.factors.diameter**2 for drawn in many])
    assert np.all(share > 0.02)
    assert np.median(share / disc) == pytest.approx(1, abs=0.15)


def test_the_same_phantom_at_another_size_looks_alike():
    for index in range(8):
        small = phantom.render(0, index, dataclasses.replace(OPTIONS, size=64))
        large = phantom.render(0, index, dataclasses.replace(OPTIONS, size=192))
        averaged = cv2.resize(large.image, (64, 64), interpolation=cv2.INTER_AREA)
        assert np.corrcoef(averaged.ravel(), small.image.ravel())[0, 1] > 0.95
        overlap = cv2.resize(large.lesion.astype(np.float32), (64, 64), interpolation=cv2.INTER_AREA) > 0.5
        assert (overlap & small.lesion).sum() / (overlap | small.lesion).sum() > 0.93


def test_the_score_is_the_abcd_rule():
    # The largest and the smallest score of the rule as published: 8.9 and 1.0.
    everything = factors_like(
        asymmetry=2, border=8, colours=tuple(phantom.COLOURS), structures=tuple(phantom.STRUCTURES)
    )
    assert everything.score == pytest.approx(8.9)
    assert factors_like().score == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("asymmetry", "border", "colours", "label"),
    [(1, 4, 4, 0), (1, 5, 5, 1), (2, 1, 3, 0), (2, 2, 3, 1)],  # with one structure: 4.2, 4.8, 4.7, 4.8
)
def test_the_label_turns_at_the_threshold_of_suspicion(asymmetry, border, colours, label):
    names = tuple(phantom.COLOURS)[:colours]
    assert factors_like(asymmetry=asymmetry, border=border, colours=names).label == label


def test_a_score_exactly_at_the_threshold_counts_as_malignant(monkeypatch):
    drawn = factors_like(asymmetry=1, border=7)  # 1.3 + 0.7 + 0.5 + 0.5: a sum that floats miss
    monkeypatch.setattr(phantom, "THRESHOLD", 3.0)
    assert drawn.label == 1


def test_about_half_are_malignant_and_the_shares_of_hair_and_frames_are_as_asked():
    options = config.Phantom(hair=0.3, border=0.2)
    drawn = [phantom.factors(5, index, options) for index in range(2_000)]
    assert np.mean([one.label for one in drawn]) == pytest.approx(0.5, abs=0.06)
    assert np.mean([one.hair for one in drawn]) == pytest.approx(0.3, abs=0.05)
    assert np.mean([one.frame != "none" for one in drawn]) == pytest.approx(0.2, abs=0.05)
    assert {one.frame for one in drawn} == {"none", *phantom.FRAMES}


def test_factors_stay_within_the_rule():
    for index in range(300):
        drawn = phantom.factors(0, index, OPTIONS)
        assert 0 <= drawn.asymmetry <= 2
        assert 0 <= drawn.border <= 8
        assert 1 <= len(drawn.colours) == len(set(drawn.colours)) <= 6
        assert 1 <= len(drawn.structures) == len(set(drawn.structures)) <= 5
        assert set(drawn.colours) <= set(phantom.COLOURS)
        assert set(drawn.structures) <= set(phantom.STRUCTURES)
        assert 1 <= drawn.skin <= 6


def test_hair_and_frame_say_nothing_about_the_label():
    drawn = [phantom.factors(5, index, OPTIONS) for index in range(2_000)]
    labels = [one.label for one in drawn]
    assert roc_auc_score(labels, [one.hair for one in drawn]) == pytest.approx(0.5, abs=0.04)
    assert roc_auc_score(labels, [one.frame != "none" for one in drawn]) == pytest.approx(0.5, abs=0.04)


def test_mean_colour_alone_does_not_give_the_label_away(many):
    colours = np.array([drawn.image.reshape(-1, 3).mean(axis=0) for drawn in many])
    labels = np.array([drawn.factors.label for drawn in many])
    probe = make_pipeline(StandardScaler(), LogisticRegression()).fit(colours[:200], labels[:200])
    assert roc_auc_score(labels[200:], probe.decision_function(colours[200:])) < 0.75


def test_asymmetry_is_visible_in_the_outline():
    def unlikeness_to_mirror_images(index, asymmetry):
        """Share of the lesion that its half turn does not cover: a shape with two axes is its own half turn."""
        rng = np.random.default_rng(index)
        drawn = factors_like(asymmetry=asymmetry, diameter=0.6)
        geometry = phantom._Geometry(drawn, 96, rng)
        step = np.pi * np.arange(180) / 180
        return np.abs(
            np.interp(step, phantom.ANGLES, geometry.radius) - np.interp(step - np.pi, phantom.ANGLES, geometry.radius)
        ).mean()

    by_asymmetry = [np.mean([unlikeness_to_mirror_images(index, axes) for index in range(40)]) for axes in (0, 1, 2)]
    assert by_asymmetry[0] == pytest.approx(0, abs=1e-3)
    assert by_asymmetry[0] < by_asymmetry[1] < by_asymmetry[2]


def test_more_colours_are_more_hues_in_the_lesion(many):
    counts = [len(drawn.factors.colours) for drawn in many]
    spread = [drawn.image[drawn.lesion & ~drawn.hair & ~drawn.frame].std(axis=0).mean() for drawn in many]
    assert np.corrcoef(counts, spread)[0, 1] > 0.4
