"""The numbers that figures of a comparison draw."""

import numpy as np
import pytest

from skinexp.comparison.decisions import run_decisions
from skinexp.comparison.figure_data import figure_data
from skinexp.evaluation import decision_curve
from tests.comparison.test_pairwise import run


def at_prevalences(*prevalences):
    runs = [
        run(f"run {number}", 1.5 + number, number, images=60, config={"evaluate": {"prevalence": prevalence}})
        for number, prevalence in enumerate(prevalences)
    ]
    return runs, figure_data(runs, run_decisions(runs))


def test_decision_curves_are_for_the_prevalence_that_all_runs_state():
    runs, figures = at_prevalences(0.02, 0.02)
    assert figures.prevalence == 0.02
    for one in runs:
        expected = decision_curve(one.test["label"], one.test["probability"], prevalence=0.02, reference=0.5)
        assert figures.net_benefit[one.name]["model"].tolist() == pytest.approx(expected["model"].tolist())
        assert figures.net_benefit[one.name]["treat_all"].iloc[4] < 0  # nobody excises all at a risk of 0.05


@pytest.mark.parametrize("stated", [(None, None), (0.02, None), (0.02, 0.1)])
def test_curves_at_different_prevalences_are_not_drawn_beside_each_other(stated):
    runs, figures = at_prevalences(*stated)
    assert figures.prevalence is None
    expected = decision_curve(runs[0].test["label"], runs[0].test["probability"])
    assert np.allclose(figures.net_benefit[runs[0].name]["model"], expected["model"])
