"""Numbers in words."""

import math

import pytest

from skinexp.core.number_format import counted, two_decimals


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 images"), (1, "1 image"), (2, "2 images"), (1200, "1,200 images"), (-1, "-1 images")]
)
def test_one_thing_is_counted_in_the_singular(count, words):
    assert counted(count, "image") == words


def test_a_noun_may_have_a_plural_of_its_own():
    assert [counted(count, "category", "categories") for count in (1, 2)] == ["1 category", "2 categories"]


def test_what_is_not_known_is_not_called_nan():
    assert (two_decimals(math.nan), two_decimals(0.5)) == ("n/a", "0.50")
