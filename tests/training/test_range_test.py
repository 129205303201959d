"""What is read off curves whose answer is known."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from skinexp.config.schema import LrFind
from skinexp.training import range_test
from skinexp.training.range_test import suggest, table

RATES = range_test.rates(LrFind())
LOSSES = arrays(float, st.integers(1, 60), elements=st.floats(0, 100))


def descent(at: float = 1e-3, depth: float = 0.4, rises_at: float = 1.0, noise: float = 0.0, seed: int = 0):
    """Losses that fall from 0.7 as a logistic curve over log(rate), steepest at `at`, and soar from `rises_at` on."""
    places = np.log10(RATES)
    falling = 0.7 - depth / (1 + np.exp(-4 * (places - np.log10(at))))
    rising = np.exp(np.clip(8 * (places - np.log10(rises_at)), -50, 5))
    return falling + rising + np.random.default_rng(seed).normal(0, noise, len(places))


def flat(noise: float, seed: int):
    return 0.7 + np.random.default_rng(seed).normal(0, noise, len(RATES))


# The way


def test_rates_grow_by_the_same_factor():
    rates = range_test.rates(LrFind(min=1e-5, max=1e-1, steps=41))
    assert (rates[0], rates[-1], len(rates)) == (pytest.approx(1e-5), pytest.approx(1e-1), 41)
    np.testing.assert_allclose(rates[1:] / rates[:-1], 10**0.1)


def test_the_average_reaches_back_over_the_same_share_of_the_range_whatever_the_steps():
    coarse, fine = (range_test.reach(range_test.rates(LrFind(1e-6, 1e-2, steps))) for steps in (81, 161))
    assert coarse == pytest.approx(10)  # of 20 steps while the rate grows tenfold
    assert fine == pytest.approx(20)


@given(LOSSES)
def test_the_running_average_is_the_usual_one_with_its_bias_taken_out(losses):
    average, expected = 0.0, []
    for step, loss in enumerate(losses, start=1):
        average = 0.9 * average + 0.1 * loss
        expected.append(average / (1 - 0.9**step))
    np.testing.assert_allclose(range_test.smooth(losses, 10), expected, rtol=1e-9, atol=1e-9)


@given(LOSSES)
def test_the_running_average_stays_within_the_losses(losses):
    smoothed = range_test.smooth(losses, 10)
    assert smoothed.min() >= losses.min() - 1e-9
    assert smoothed.max() <= losses.max() + 1e-9


@given(LOSSES)
def test_whether_a_loss_has_left_all_bounds_does_not_depend_on_its_unit(losses):
    assert range_test.left_bounds(2.0**10 * losses, 10) == range_test.left_bounds(losses, 10)


@pytest.mark.parametrize("last", [math.nan, math.inf])
def test_a_loss_that_is_no_number_ends_the_test(last):
    assert range_test.left_bounds(np.array([0.7, 0.7, last]), 10)


def test_the_test_goes_on_until_the_average_is_above_four_times_its_minimum():
    losses = [0.5] * 30
    while not range_test.left_bounds(np.array(losses), 10):
        losses.append(5.0)
    averages = range_test.smooth(np.array(losses), 10)
    assert averages[-2] <= 4 * averages.min() < averages[-1]


def test_one_wild_batch_does_not_end_the_test():
    assert not range_test.left_bounds(np.array([0.5] * 30 + [10.0]), 10)


def test_an_average_belongs_to_the_average_of_the_rates_logarithms():
    """So that a straight line over the logarithm stays where it is."""
    curve = table(RATES, 2 - 0.1 * np.log10(RATES))
    np.testing.assert_allclose(curve["smoothed"], 2 - 0.1 * np.log10(curve["smoothed_lr"]))
    assert curve["step"].tolist() == list(range(1, 101))


# The suggestion


@given(st.floats(-5, -1.5), st.floats(0.1, 0.6))
def test_the_steepest_place_of_a_smooth_descent_is_found(place, depth):
    suggestion = suggest(table(RATES, descent(at=10**place, depth=depth)))
    assert suggestion.steepest is not None
    assert math.log10(suggestion.steepest) == pytest.approx(place, abs=0.3)


@pytest.mark.parametrize("seed", range(20))
def test_both_rules_find_the_descent_among_batches_that_differ_as_real_ones_do(seed):
    suggestion = suggest(table(RATES, descent(noise=0.06, seed=seed)))
    assert suggestion.steepest is not None
    assert suggestion.lr is not None
    assert math.log10(suggestion.steepest) == pytest.approx(-3, abs=0.5)
    assert math.log10(suggestion.lr) == pytest.approx(-3, abs=1)


def test_the_suggestion_is_a_third_of_the_rate_where_the_valley_begins_in_two_significant_digits():
    """A straight fall from 1e-5 on, and a valley from 1e-2 to 1."""
    losses = np.interp(np.log10(RATES), [-5, -2, 0, 1], [1, 0.4, 0.4, 8])
    suggestion = suggest(table(RATES, losses))
    assert suggestion.lr == float(f"{suggestion.before_valley:.1e}")
    assert math.log10(suggestion.lr) == pytest.approx(-3, abs=0.3)
    assert "falls no further" in suggestion.reason


def test_a_first_steep_fall_from_worse_than_chance_does_not_hide_the_second():
    """As the scratch CNN's loss falls on generated images: to chance near 5e-5, then near 1e-3."""
    losses = np.interp(np.log10(RATES), [-5, -4, -3.3, -2.6, -1, 0], [1.5, 0.9, 0.9, 0.65, 0.65, 10])
    suggestion = suggest(table(RATES, losses))
    assert suggestion.steepest is not None
    assert suggestion.steepest < 1e-4 < suggestion.lr


def test_a_loss_that_stays_low_up_to_the_largest_rate_has_a_valley_too():
    assert suggest(table(RATES, descent(rises_at=1e9))).lr is not None


@given(st.floats(0.01, 100))
def test_the_suggestion_does_not_depend_on_the_unit_of_the_loss(unit):
    losses = descent(noise=0.03)
    ours, scaled = suggest(table(RATES, losses)), suggest(table(RATES, unit * losses))
    assert ours.lr == scaled.lr


@pytest.mark.parametrize("seed", range(50))
def test_noise_is_not_taken_for_a_descent(seed):
    suggestion = suggest(table(RATES, flat(noise=0.08, seed=seed)))
    assert suggestion.lr is None
    assert "standard error" in suggestion.reason
    assert "lr_find.steps" in suggestion.reason


def test_a_constant_loss_suggests_nothing():
    assert suggest(table(RATES, np.full(100, 0.7))).lr is None


def test_a_loss_that_only_rises_suggests_nothing():
    assert suggest(table(RATES, descent(depth=0.0))).lr is None


@pytest.mark.parametrize(("at", "advice"), [(1e-9, "lr_find.min"), (1e3, "lr_find.max")])
def test_a_descent_that_the_range_does_not_hold_asks_for_another_range(at, advice):
    places = np.log10(RATES)
    losses = 0.7 - 0.4 / (1 + np.exp(-(places - np.log10(at))))
    suggestion = suggest(table(RATES, losses))
    assert suggestion.lr is None
    assert advice in suggestion.reason


@pytest.mark.parametrize("steps", [1, 5, 15])
def test_a_loss_that_leaves_all_bounds_at_once_asks_for_smaller_rates(steps):
    losses = np.append(np.full(steps - 1, 0.7), np.nan)
    suggestion = suggest(table(RATES, losses))
    assert suggestion.lr is None
    assert "lr_find.min" in suggestion.reason


def test_a_last_loss_that_is_no_number_is_left_out():
    losses = descent(rises_at=10)
    lost = np.append(losses[:-1], np.inf)
    assert suggest(table(RATES, lost)).lr == suggest(table(RATES, losses[:-1])).lr


def test_the_standard_error_is_that_of_averages_of_independent_batches():
    rng = np.random.default_rng(0)
    ends = [range_test.smooth(rng.normal(0, 0.1, 300), 10)[[150, 299]] for _ in range(2000)]
    differences = np.diff(ends, axis=1)
    assert range_test.standard_error(rng.normal(0, 0.1, 100_000), 10) == pytest.approx(differences.std(), rel=0.05)


def test_the_fall_over_a_tenfold_rate_is_the_slope_of_a_straight_line():
    places = np.linspace(-4, -1, 31)
    falls = range_test.tenfold_falls(places, 1 - 0.2 * places)
    inner = (places > -3.51) & (places < -1.49)
    np.testing.assert_allclose(falls[inner], 0.2)
    assert np.isnan(falls[~inner]).all()


def test_the_table_has_a_row_a_step():
    assert isinstance(table(RATES, descent()), pd.DataFrame)
    assert list(table(RATES, descent())) == ["step", "lr", "loss", "smoothed_lr", "smoothed"]
