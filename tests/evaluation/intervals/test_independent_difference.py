"""The difference of two scores on different images."""

import math

import numpy as np
import pytest

from skinexp.evaluation import Interval, independent_difference, wilson


def test_newcombes_worked_example():
    # Newcombe 1998, table II: 56 of 70 against 48 of 80, method 10.
    a, b = (Interval(count / n, *wilson(count, n)[1:]) for count, n in ((56, 70), (48, 80)))
    np.testing.assert_allclose(independent_difference(a, b), (0.2, 0.0524, 0.3339), atol=5e-5)


def test_symmetric_intervals_add_as_standard_errors_do():
    found = independent_difference(Interval(0.9, 0.87, 0.93), Interval(0.8, 0.76, 0.84))
    np.testing.assert_allclose(found, (0.1, 0.05, 0.15))


def test_the_other_way_round_it_changes_its_sign():
    a, b = Interval(0.95, 0.9, 0.97), Interval(0.8, 0.7, 0.85)
    there, back = independent_difference(a, b), independent_difference(b, a)
    np.testing.assert_allclose(back, (-there.estimate, -there.high, -there.low))


@pytest.mark.parametrize("unknown", [Interval(math.nan, math.nan, math.nan), Interval(0.8, math.nan, math.nan)])
def test_without_limits_there_are_none(unknown):
    assert math.isnan(independent_difference(Interval(0.9, 0.8, 1.0), unknown).low)
