"""The luck of drawing resamples: a decision that another seed could turn is not made."""

import numpy as np
import pytest
from scipy.stats import norm

from skinexp.evaluation.intervals.monte_carlo import excludes_zero, limits_error


def normal(z: float, count: int, seed: int = 0) -> np.ndarray:
    return z + np.random.default_rng(seed).normal(size=count)


@pytest.mark.parametrize(("z", "decision"), [(4.0, "yes"), (-4.0, "yes"), (0.5, "no"), (1.96, "undecided")])
def test_an_interval_excludes_0_if_another_seed_cannot_decide_otherwise(z, decision):
    assert {excludes_zero(normal(z, 4_000, seed), 0.025) for seed in range(20)} == {decision}


def test_the_nearer_a_difference_is_to_the_limit_the_more_resamples_it_takes():
    assert excludes_zero(normal(2.3, 500), 0.025) == "undecided"
    assert excludes_zero(normal(2.3, 20_000), 0.025) == "yes"


def test_undefined_resamples_do_not_count():
    values = np.concatenate([normal(4.0, 1_000), np.full(20, np.nan)])
    assert excludes_zero(values, 0.025) == "yes"


def test_the_error_of_a_limit_is_that_of_a_quantile():
    expected = np.sqrt(0.025 * 0.975 / 2_000) / norm.pdf(norm.ppf(0.025))
    found = np.mean([limits_error(normal(0.0, 2_000, seed), 0.025) for seed in range(20)])
    assert found == pytest.approx(expected, rel=0.2)
