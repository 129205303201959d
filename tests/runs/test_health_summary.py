"""The doctor's findings, as pages tell them."""

import math

import pytest

from skinexp.runs.health_summary import HealthSummary, ailments
from skinexp.runs.run_summary import RunSummary
from tests.report.conftest import WRONG_RANGE


def test_findings_have_the_cause_in_words():
    found = RunSummary.from_dict({"health": WRONG_RANGE}).health
    assert found == HealthSummary(
        "collapsed",
        "wrong_input_range",
        "All images have the same features.",
        "model.input_scaling=contract",
        0.9998,
        0.76,
    )
    assert (found.cause_words, found.words) == ("wrong input range", "collapsed: wrong input range")


@pytest.mark.parametrize("entry", [None, {}, {"verdict": "mauve"}, "ok", [1]])
def test_what_no_doctor_wrote_is_no_finding(entry):
    assert RunSummary.from_dict({"health": entry}).health is None


def test_a_bare_verdict_is_enough():
    found = RunSummary.from_dict({"health": {"verdict": "ok", "cause": None, "feature_cosine": None}}).health
    assert found.words == "ok"
    assert math.isnan(found.feature_cosine)
    assert math.isnan(found.probe_auc)


def test_runs_that_are_not_well_are_told_by_cause_the_worst_first():
    patients = {
        "well": HealthSummary("ok"),
        "unseen": None,
        "a": HealthSummary("warning", "overfitting", "It overfits."),
        "b": HealthSummary("collapsed", "wrong input range", "It is blind.", "model.input_scaling=contract"),
        "c": HealthSummary("collapsed", "learning rate too high", "It jumped.", "optim.lr=0.001"),
        "d": HealthSummary("collapsed", "learning rate too high", "It jumped, too.", "optim.lr=0.0001"),
    }
    told = ailments(patients)
    assert [(ailment.words, [name for name, _ in ailment.said]) for ailment in told] == [
        ("collapsed: learning rate too high", ["c", "d"]),
        ("collapsed: wrong input range", ["b"]),
        ("warning: overfitting", ["a"]),
    ]
    assert [ailment.cure for ailment in told] == [None, "model.input_scaling=contract", None]
    assert told[0].said[1] == ("d", "It jumped, too.")
