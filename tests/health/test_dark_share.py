"""How many images are nearly black."""

import numpy as np
import pytest

from skinexp.health.probes import dark_share


@pytest.mark.parametrize(("brightest", "share"), [(255, 0), (40, 0), (39, 1), (16, 1), (2, 0), (1, 0), (0, 0)])
def test_an_image_is_nearly_black_below_40_unless_it_shows_nothing(brightest, share):
    images = np.random.default_rng(0).uniform(0, brightest, (4, 64, 64, 3)).round().astype(np.uint8)
    images[:, :32] = brightest
    assert dark_share(images) == share


def test_images_that_were_scaled_to_1_are_not_called_dark():
    assert dark_share(np.random.default_rng(0).uniform(0, 1, (4, 32, 32, 3))) == 0


def test_the_share_is_of_the_images():
    images = np.full((4, 8, 8, 3), 200, np.uint8)
    images[0] = 20
    assert dark_share(images) == 0.25
