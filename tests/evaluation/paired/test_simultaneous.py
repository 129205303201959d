"""Intervals of several areas at once: as wide as one interval if models are the same, and as Šidák's if unrelated."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, ndtri

from skinexp.evaluation import auc_interval
from skinexp.evaluation.intervals.interval import QUANTILE
from skinexp.evaluation.paired.simultaneous import simultaneous_areas

LABELS = np.repeat([1, 0], [60, 140])


def model(signal: float, seed: int, own: float = 0.6, **columns) -> pd.DataFrame:
    shared, alone = np.random.default_rng(99).normal(size=200), np.random.default_rng(seed).normal(size=200)
    logit = signal * LABELS + math.sqrt(1 - own**2) * shared + own * alone
    table = pd.DataFrame({"image_id": range(200), "label": LABELS, "logit": logit, "probability": expit(logit)})
    return table.assign(**columns)


def test_the_same_model_several_times_has_the_usual_interval():
    found = simultaneous_areas({str(n): model(1.5, 0) for n in range(5)})
    assert found.quantile == pytest.approx(QUANTILE, abs=0.02)


def test_unrelated_models_have_the_quantile_of_sidak():
    found = simultaneous_areas({str(n): model(1.5, n, own=1.0) for n in range(10)})
    sidak = ndtri((1 + 0.95 ** (1 / 10)) / 2)
    assert found.quantile == pytest.approx(sidak, abs=0.05)
    assert found.quantile <= sidak


def test_limits_are_newcombe_s_with_that_quantile():
    tables = {str(n): model(1.5, n) for n in range(4)}
    found = simultaneous_areas(tables)
    expected = auc_interval(LABELS, tables["2"]["logit"], quantile=found.quantile)
    assert tuple(found.intervals["2"]) == pytest.approx(tuple(expected))
    assert QUANTILE < found.quantile < ndtri((1 + 0.95 ** (1 / 4)) / 2)


def test_a_model_that_diverged_has_none_and_does_not_count():
    tables = {str(n): model(1.5, n) for n in range(2)}
    broken = tables["1"].assign(logit=math.nan)
    assert simultaneous_areas(tables | {"broken": broken}) == simultaneous_areas(tables)


def test_a_model_that_orders_all_pairs_or_none_has_limits_as_well():
    tables = {"perfect": model(1.5, 0).assign(logit=9.0 * LABELS), "good": model(1.5, 1), "dull": model(0.0, 2)}
    found = simultaneous_areas(tables).intervals
    assert all(low < high for _, low, high in found.values())


def best_of(count: int, seed: int, truth: float) -> tuple[bool, bool]:
    """Whether the usual and the simultaneous interval of the best of some equal models hold the truth."""
    draw = np.random.default_rng(seed)
    shared = draw.normal(size=200)
    tables = {}
    for n in range(count):
        logit = 1.5 * LABELS + 0.6 * shared + 0.8 * draw.normal(size=200)
        tables[str(n)] = pd.DataFrame(
            {"image_id": range(200), "label": LABELS, "logit": logit, "probability": expit(logit)}
        )
    found = simultaneous_areas(tables)
    best = max(found.intervals, key=lambda name: found.intervals[name].estimate)
    usual = auc_interval(LABELS, tables[best]["logit"])
    adjusted = found.intervals[best]
    return usual.low <= truth <= usual.high, adjusted.low <= truth <= adjusted.high


@pytest.mark.slow
def test_the_best_of_ten_equal_models_is_covered():
    from scipy.stats import norm

    truth = float(norm.cdf(1.5 / math.sqrt(2)))  # classes 1.5 standard deviations apart
    held = np.array([best_of(10, seed, truth) for seed in range(300)]).mean(axis=0)
    assert held[0] < 0.92
    assert held[1] >= 0.93
