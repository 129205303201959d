"""Skin tone from the rim of photographs, against colours whose angle is known."""

import cv2
import numpy as np
import pytest

from skinexp.data.pipeline import Images
from skinexp.data.skin_tone import individual_typology_angle, skin_tone, skin_tones


def plain(lightness, yellowness, redness=12.0, size=64):
    """An image of one colour, given in L*a*b*."""
    lab = np.full((size, size, 3), (lightness, redness, yellowness), dtype=np.float32)
    return (255 * cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)).round().astype(np.uint8)


@pytest.mark.parametrize(
    ("lightness", "yellowness", "tone"),
    [
        (75, 15, "very light"),
        (68, 18, "light"),
        (62, 17, "intermediate"),
        (57, 20, "tan"),
        (48, 20, "brown"),
        (35, 15, "dark"),
    ],
)
def test_the_angle_of_a_colour_is_its_formula_and_falls_into_its_band(lightness, yellowness, tone):
    angle = individual_typology_angle(plain(lightness, yellowness)[None])

    assert angle[0] == pytest.approx(np.degrees(np.arctan((lightness - 50) / yellowness)), abs=1.0)
    assert skin_tone(angle).tolist() == [tone]


def test_edges_belong_to_the_darker_band():
    assert skin_tone(np.array([55.01, 55, 41, 28, 10, -30])).tolist() == [
        "very light",
        "light",
        "intermediate",
        "tan",
        "brown",
        "dark",
    ]


def test_lesion_hair_and_black_corners_do_not_count():
    skin = plain(68, 18)
    drawn = skin.copy()
    cv2.circle(drawn, (32, 32), 18, (70, 40, 20), -1)
    cv2.line(drawn, (0, 10), (63, 50), (20, 15, 10), 2)
    corner = np.add.outer(np.arange(64), np.arange(64)) < 16
    drawn[corner] = 0

    bare, shown = individual_typology_angle(np.stack([skin, drawn]))

    assert shown == pytest.approx(bare, abs=0.5)


def test_a_black_rim_has_no_tone():
    image = plain(68, 18)
    image[:8] = image[-8:] = 0
    image[:, :8] = image[:, -8:] = 0

    angle = individual_typology_angle(image[None])

    assert np.isnan(angle).all()
    assert skin_tone(angle).isna().all()


def test_light_skin_under_a_blue_lamp_is_not_called_dark():
    images = np.stack([plain(75, -5), plain(35, -5), np.full((64, 64, 3), 250, dtype=np.uint8)])

    assert individual_typology_angle(images) == pytest.approx([90, -90, 90], abs=0.5)


def test_what_is_no_stack_of_rgb_photographs_is_refused():
    with pytest.raises(ValueError, match=r"images: must be RGB .* Received: shape \(2, 8, 8\), type float64"):
        individual_typology_angle(np.zeros((2, 8, 8)))


def test_pixels_that_are_no_bytes_have_no_tone_and_stop_no_run():
    pixels = np.full((3, 64, 64, 3), 0.5, np.float32)

    assert skin_tones(Images(pixels, np.arange(3), np.zeros(3))).isna().tolist() == [True] * 3
