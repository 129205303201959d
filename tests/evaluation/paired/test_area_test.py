"""Two models on few images: permutations against counting by hand, limits in their range, or no statement."""

import math
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import rankdata

from skinexp.evaluation import compare_pairs, delong_test
from skinexp.evaluation.paired import area_test
from skinexp.evaluation.paired.area_test import DELONG, FEW, PERMUTATION, exchange_p_value


def two_models(malignant, benign, seed=0, apart=(1.5, 1.5)):
    """Labels, and scores of two models that have half of their noise in common."""
    generator = np.random.default_rng(seed)
    labels = np.repeat([1, 0], [malignant, benign])
    common, *own = generator.normal(size=(3, len(labels)))
    return labels, *(
        distance * labels + math.sqrt(0.5) * (common + noise) for distance, noise in zip(apart, own, strict=True)
    )


def which_test(labels, a, b):
    """By which test a comparison of two models was made."""
    columns = {"image_id": np.arange(len(labels)), "label": labels}
    tables = {
        name: pd.DataFrame(columns | {"logit": scores, "probability": expit(scores)})
        for name, scores in (("a", np.asarray(a)), ("b", np.asarray(b)))
    }
    return compare_pairs(tables, resamples=0).pairs["test"].item()


def area(labels, scores):
    malignant, benign = scores[labels == 1][:, None], scores[labels == 0]
    return float(((malignant > benign) + 0.5 * (malignant == benign)).mean())


def counted_by_hand(labels, a, b, groups):
    """The p-value of all exchanges of ranks between two models, group by group."""
    ranks = np.array([rankdata(a), rankdata(b)])
    names = np.unique(groups)
    differences = []
    for exchanged in product([0, 1], repeat=len(names)):
        which = np.array(exchanged)[np.searchsorted(names, groups)]
        one, other = (ranks[np.abs(which - model), np.arange(len(labels))] for model in (0, 1))
        differences.append(area(labels, one) - area(labels, other))
    return np.mean(np.abs(differences) >= abs(differences[0]) - 1e-12)


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("seed", range(3))
def test_exchanges_of_ranks_are_counted(seed, size):
    labels, a, b = two_models(5, 5, seed)
    groups = np.arange(10) // size
    assert exchange_p_value(labels, np.round(a, 1), b, groups) == pytest.approx(
        counted_by_hand(labels, np.round(a, 1), b, groups)
    )


def test_a_sample_of_exchanges_gives_about_the_p_value_of_all(monkeypatch):
    labels, a, b = two_models(7, 7, 3, (2.5, 0.5))
    monkeypatch.setattr(area_test, "ENUMERATED", 14)
    counted = exchange_p_value(labels, a, b)
    monkeypatch.undo()
    area_test._exchanges.cache_clear()
    assert exchange_p_value(labels, a, b) == pytest.approx(counted, abs=0.02)


def test_three_images_of_a_class_allow_no_statement():
    labels = np.array([0, 0, 0, 1, 1, 1])
    found = delong_test(labels, [1, 2, 3, 4, 5, 6], [1, 5, 3, 4, 2, 6])
    assert found.difference > 0
    assert all(map(math.isnan, (found.low, found.high, found.p_value)))
    assert (
        which_test(labels, [1, 2, 3, 4, 5, 6], [1, 5, 3, 4, 2, 6])
        == "none: a class has fewer than 5 independent test images"
    )


def test_three_lesions_of_a_class_allow_no_statement_however_many_images_they_have():
    labels, a, b = two_models(60, 200)
    groups = np.r_[np.arange(60) // 20, np.arange(60, 260)]
    assert math.isnan(delong_test(labels, a, b, groups).p_value)


@pytest.mark.parametrize("seed", range(5))
def test_limits_of_a_difference_stay_between_minus_1_and_1(seed):
    labels, a, b = two_models(6, 8, seed, (1.5, -1.0))
    found = delong_test(labels, a, b)
    assert which_test(labels, a, b) == PERMUTATION
    assert -1 <= found.low < found.difference < found.high <= 1


def test_which_test_is_used_is_said():
    assert which_test(*two_models(FEW, 100)) == DELONG
    assert which_test(*two_models(FEW - 1, 100)) == PERMUTATION


def test_models_that_order_all_pairs_alike_have_no_interval_of_no_width():
    labels, a, _ = two_models(30, 60)
    found = delong_test(labels, a, 3 * a - 1)
    assert (found.difference, found.p_value) == (0, 1)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_with_eight_malignant_images_no_difference_is_found_as_often_as_it_says():
    p_values = [delong_test(*two_models(8, 92, seed)).p_value for seed in range(200)]
    assert np.mean(np.array(p_values) < 0.05) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)
