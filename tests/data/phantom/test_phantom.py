import dataclasses

import cv2
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinexp.config import schema
from skinexp.data import phantom
from skinexp.data.phantom import lesion, planes, truth
from skinexp.data.phantom import skin as skins
from skinexp.data.skin_tone import individual_typology_angle

OPTIONS = schema.Phantom(size=64, hair=0.5, border=0.5)
BARE = schema.Phantom(size=64, hair=0, border=0, ruler=0, gel=0, ink=0, jpeg=0)
ARTEFACTS = ("hair", "ruler", "gel", "ink")


@pytest.fixture(scope="module")
def many() -> list[phantom.Phantom]:
    return [phantom.render(3, index, schema.Phantom(size=64)) for index in range(300)]


def factors_like(**changes) -> phantom.Factors:
    plain = phantom.Factors(0, 0, ("light brown",), ("network",), ita=50.0, diameter=0.5)
    return dataclasses.replace(plain, **changes)


def test_the_same_seed_and_index_give_the_same_phantom():
    first, again = phantom.render(1, 7, OPTIONS), phantom.render(1, 7, OPTIONS)
    for name in ("image", "lesion", "frame", *ARTEFACTS):
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


@pytest.mark.parametrize("name", ARTEFACTS)
def test_an_artefact_changes_nothing_but_the_pixels_under_it(name):
    for index in range(10):
        covered = phantom.render(0, index, dataclasses.replace(BARE, **{name: 1.0}, light_hair=0.0))
        without = phantom.render(0, index, BARE)
        assert dataclasses.replace(covered.factors, **{name: False}) == without.factors
        np.testing.assert_array_equal(covered.lesion, without.lesion)
        changed = np.abs(covered.image.astype(int) - without.image).max(axis=2)
        mask = getattr(covered, name)
        beside = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        assert changed[mask].mean() > (3 if name == "gel" else 20)  # within its rim a bubble is clear
        assert changed[~beside].mean() < 0.3  # the tips of the thinnest hair are too faint for the mask


def test_light_hair_is_lighter_than_the_lesion_under_it_and_dark_hair_darker():
    for light in (False, True):
        changes = []
        for index in range(12):
            hairy = dataclasses.replace(BARE, hair=1.0, light_hair=float(light))
            covered, without = phantom.render(0, index, hairy), phantom.render(0, index, BARE)
            assert covered.factors.light_hair == light
            under = covered.hair & covered.lesion
            changes += (covered.image.astype(int) - without.image)[under].mean(axis=1).tolist()
        assert np.mean(changes) > 20 if light else np.mean(changes) < -20


def test_a_frame_changes_no_pixel_well_within_the_picture():
    for index in range(10):
        without = phantom.render(0, index, BARE)
        within = phantom.render(0, index, dataclasses.replace(BARE, border=1.0))
        middle = np.s_[24:40, 24:40]
        np.testing.assert_array_equal(within.image[middle], without.image[middle])
        assert within.frame.any()
        assert within.image[within.frame].mean() < 0.5 * without.image[within.frame].mean()


def test_masks_are_empty_where_nothing_disturbs():
    drawn = phantom.render(0, 0, BARE)
    for name in ARTEFACTS:
        assert not getattr(drawn, name).any()
        assert getattr(drawn.factors, name) is False
    assert not drawn.frame.any()
    assert drawn.factors.frame == "none"


@pytest.mark.parametrize("size", [32, 33, 96, 385])
def test_image_and_masks_have_the_size_asked_for(size):
    drawn = phantom.render(0, 1, dataclasses.replace(OPTIONS, size=size))
    assert drawn.image.shape == (size, size, 3)
    assert drawn.image.dtype == np.uint8
    for mask in (drawn.lesion, drawn.frame, *(getattr(drawn, name) for name in ARTEFACTS)):
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


def test_a_score_exactly_at_the_threshold_counts_as_malignant():
    assert factors_like(asymmetry=1, border=7, deviation=phantom.THRESHOLD - 3.0).label == 1  # 1.3 + 0.7 + 0.5 + 0.5


def test_about_half_are_malignant_and_the_shares_of_hair_and_frames_are_as_asked():
    options = schema.Phantom(hair=0.3, border=0.2)
    drawn = [phantom.factors(5, index, options) for index in range(2_000)]
    assert np.mean([one.label for one in drawn]) == pytest.approx(0.5, abs=0.06)
    assert np.mean([one.hair for one in drawn]) == pytest.approx(0.3, abs=0.05)
    assert np.mean([one.frame != "none" for one in drawn]) == pytest.approx(0.2, abs=0.05)
    assert {one.frame for one in drawn} == {"none", *phantom.FRAMES}
    for name in ("ruler", "gel", "ink"):
        shares = [getattr(phantom.factors(5, index, schema.Phantom(**{name: 0.3})), name) for index in range(2_000)]
        assert np.mean(shares) == pytest.approx(0.3, abs=0.05)


def test_factors_stay_within_the_rule():
    for index in range(300):
        drawn = phantom.factors(0, index, OPTIONS)
        assert 0 <= drawn.asymmetry <= 2
        assert 0 <= drawn.border <= 8
        assert 1 <= len(drawn.colours) == len(set(drawn.colours)) <= 6
        assert 1 <= len(drawn.structures) == len(set(drawn.structures)) <= 5
        assert set(drawn.colours) <= set(phantom.COLOURS)
        assert set(drawn.structures) <= set(phantom.STRUCTURES)
        assert -55 <= drawn.ita <= 75
        assert 1 <= drawn.skin <= 6


def test_artefacts_and_frame_say_nothing_about_the_label():
    drawn = [phantom.factors(5, index, OPTIONS) for index in range(2_000)]
    labels = [one.label for one in drawn]
    for name in ARTEFACTS:
        assert roc_auc_score(labels, [getattr(one, name) for one in drawn]) == pytest.approx(0.5, abs=0.04)
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
        geometry = lesion.Geometry(drawn, planes.Grid(96), rng)
        step = np.pi * np.arange(180) / 180
        return np.abs(
            np.interp(step, lesion.ANGLES, geometry.radius) - np.interp(step - np.pi, lesion.ANGLES, geometry.radius)
        ).mean()

    by_asymmetry = [np.mean([unlikeness_to_mirror_images(index, axes) for index in range(40)]) for axes in (0, 1, 2)]
    assert by_asymmetry[0] == pytest.approx(0, abs=1e-3)
    assert by_asymmetry[0] < by_asymmetry[1] < by_asymmetry[2]


def test_more_colours_are_more_hues_in_the_lesion(many):
    counts = [len(drawn.factors.colours) for drawn in many]
    spread = [drawn.image[drawn.lesion & ~drawn.hair & ~drawn.frame].std(axis=0).mean() for drawn in many]
    assert np.corrcoef(counts, spread)[0, 1] > 0.4


# Skin


@pytest.mark.parametrize(("ita", "type_"), [(60, 1), (55, 2), (50, 2), (35, 3), (20, 4), (0, 5), (-40, 6)])
def test_fitzpatrick_types_are_bands_of_the_typology_angle(ita, type_):
    assert factors_like(ita=ita).skin == type_


@pytest.mark.parametrize("ita", [-50, -10, 0, 20, 35, 50, 70])
def test_skin_has_the_typology_angle_that_its_factors_say(ita):
    for seed in range(5):
        tone = skins.tone(ita, np.random.default_rng(seed))
        flat = np.tile((255 * tone).round().astype(np.uint8), (1, 32, 32, 1))
        assert individual_typology_angle(flat)[0] == pytest.approx(ita, abs=2.5)
        textured = skins.skin(planes.Grid(96), ita, np.random.default_rng(seed))
        picture = (255 * np.moveaxis(textured, 0, -1)[None]).clip(0, 255).round().astype(np.uint8)
        assert individual_typology_angle(picture)[0] == pytest.approx(ita, abs=12)


# Several photographs of a lesion


GROUPED = dataclasses.replace(BARE, photographs=4)


def test_photographs_of_a_lesion_share_what_the_lesion_is():
    drawn = [phantom.factors(0, index, GROUPED) for index in range(8)]
    assert [one.lesion for one in drawn] == [0, 0, 0, 0, 1, 1, 1, 1]
    for of_lesion in (drawn[:4], drawn[4:]):
        assert len({(one.score, one.colours, one.structures, one.label, one.ita) for one in of_lesion}) == 1
        assert len({one.turn for one in of_lesion}) == len({one.zoom for one in of_lesion}) == 4


def test_photographs_of_a_lesion_are_alike_when_turned_back_and_other_lesions_are_not():
    def upright(index):
        drawn = phantom.render(0, index, GROUPED)
        back = cv2.getRotationMatrix2D((31.5, 31.5), -np.degrees(drawn.factors.turn), 1 / drawn.factors.zoom)
        return cv2.warpAffine(drawn.lesion.astype(np.float32), back, (64, 64))[16:48, 16:48] > 0.5

    def overlap(one, other):
        return (one & other).sum() / (one | other).sum()

    for first in range(0, 40, 4):
        lesions = [upright(index) for index in range(first, first + 4)]
        assert min(overlap(lesions[0], other) for other in lesions[1:]) > 0.9
        first_picture, second_picture = (phantom.render(0, index, GROUPED).image for index in (first, first + 1))
        assert np.abs(first_picture.astype(int) - second_picture).mean() > 5
    assert np.mean([overlap(upright(index), upright(index + 4)) for index in range(0, 40, 4)]) < 0.8


def test_the_first_photograph_keeps_the_lesion_upright_and_its_size():
    drawn = phantom.factors(0, 4, GROUPED)
    assert (drawn.turn, drawn.zoom) == (0.0, 1.0)


# What is known


def test_the_distribution_of_scores_is_that_of_the_phantoms():
    scores, probability = truth.score_distribution()
    assert probability.sum() == pytest.approx(1)
    drawn = np.array([phantom.factors(3, index, OPTIONS).score for index in range(2_000)])
    expected = np.array([probability[np.isclose(scores, score)].sum() for score in (1.5, 2.0, 4.7, 7.0)])
    found = np.array([np.isclose(drawn, score).mean() for score in (1.5, 2.0, 4.7, 7.0)])
    np.testing.assert_allclose(found, expected, atol=0.012)
    assert drawn.mean() == pytest.approx((scores * probability).sum(), abs=0.16)


@pytest.mark.parametrize("noise", [0.0, 0.5, 1.0, 3.0])
def test_the_best_possible_area_is_that_of_the_score(noise):
    options = schema.Phantom(label_noise=noise)
    drawn = [phantom.factors(3, index, options) for index in range(2_000)]
    found = roc_auc_score([one.label for one in drawn], [one.score for one in drawn])
    assert found == pytest.approx(truth.bayes_auc(options), abs=0.02)
    assert (truth.bayes_auc(options) == 1) == (noise == 0)


def test_the_best_possible_area_with_ink_is_that_of_score_and_ink_together():
    options = schema.Phantom(label_noise=1.0, shortcut=schema.Shortcut(0.9, 0.1))
    drawn = [phantom.factors(3, index, options) for index in range(2_000)]
    labels = [one.label for one in drawn]
    log_odds = [one.score - phantom.THRESHOLD + np.log(9) * (1 if one.ink else -1) for one in drawn]
    assert roc_auc_score(labels, log_odds) == pytest.approx(truth.bayes_auc(options, ink=True), abs=0.01)
    assert roc_auc_score(labels, [one.ink for one in drawn]) == pytest.approx(truth.ink_auc(options), abs=0.02)
    assert truth.bayes_auc(options, ink=True) > truth.bayes_auc(options)


def test_a_planted_shortcut_turns_round_where_it_is_flipped():
    options = schema.Phantom(shortcut=schema.Shortcut(1.0, 0.0))
    for index in range(40):
        planted = phantom.factors(0, index, options)
        flipped = phantom.factors(0, index, options, flipped=True)
        assert planted.ink == bool(planted.label) != flipped.ink
        assert dataclasses.replace(flipped, ink=planted.ink) == planted


def test_every_factor_is_a_column_and_a_target():
    drawn = phantom.factors(0, 3, OPTIONS)
    columns, vector = truth.columns(drawn), truth.vector(drawn)
    assert columns["abcd_score"] == pytest.approx(drawn.score)
    assert sum(columns[f"abcd_{name}"] for name in ("network", "globules", "dots", "streaks", "structureless")) == len(
        drawn.structures
    )
    assert vector.shape == (len(truth.TARGETS),)
    assert vector.min() >= 0
    assert vector.max() <= 1
    assert vector[truth.TARGETS.index("score")] == pytest.approx((drawn.score - 1) / 7.9)
    assert vector[truth.TARGETS.index("black")] == ("black" in drawn.colours)
