"""Net benefit, against its formula and against the two strategies that need no model."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skinexp.evaluation import confusion_counts, decision_curve, net_benefit

CASES = st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=1, max_size=40)


@given(CASES, st.floats(0, 0.99))
def test_net_benefit_is_its_formula_on_the_confusion_matrix(cases, threshold):
    labels, probabilities = np.array(cases).T
    (_, false), (_, true) = confusion_counts(labels, probabilities, threshold)

    expected = true / len(labels) - false / len(labels) * threshold / (1 - threshold)

    assert net_benefit(labels, probabilities, threshold) == pytest.approx(expected)


def test_a_perfect_model_is_worth_the_share_of_malignant_images_at_any_price():
    curve = decision_curve([0, 0, 0, 1], [0, 0, 0, 1])

    assert curve["model"].tolist() == [0.25] * 99


def test_treating_all_is_worth_nothing_where_the_price_is_the_prevalence():
    curve = decision_curve([0, 0, 0, 1], [0.2, 0.3, 0.4, 0.5], thresholds=[0.1, 0.25, 0.5])

    assert curve["treat_all"].tolist() == pytest.approx([0.25 - 0.75 / 9, 0, -0.5])
    assert curve["treat_none"].tolist() == [0, 0, 0]
    assert curve["model"].iloc[0] == curve["treat_all"].iloc[0]  # all probabilities are above 0.1


@pytest.mark.parametrize(
    ("labels", "probabilities", "threshold"),
    [([], [], 0.5), ([0, 1], [0.1, math.nan], 0.5), ([0, 1], [0.1, 0.9], 1.0), ([0, 1], [0.1, 0.9], math.nan)],
)
def test_net_benefit_is_nan_where_it_has_no_meaning(labels, probabilities, threshold):
    assert math.isnan(net_benefit(labels, probabilities, threshold))
