"""The doctor's findings, as pages tell them."""

import math

import pytest

from skinexp.runs.health_summary import Health, ailments, read
from tests.report.conftest import WRONG_RANGE


def test_findings_are_read_with_the_cause_in_words():
    found = read(WRONG_RANGE)
    assert found == Health(
        "collapsed",
        "wrong input range",
        "All images have the same features.",
        "model.input_scaling=contract",
        0.9998,
        0.76,
    )
    assert found.words == "collapsed: wrong input range"


@pytest.mark.parametrize("entry", [None, {}, {"verdict": "mauve"}, "ok", [1]])
def test_what_no_doctor_wrote_is_no_finding(entry):
    assert read(entry) is None


def test_a_bare_verdict_is_enough():
    found = read({"verdict": "ok", "cause": None, "feature_cosine": None})
    assert found.words == "ok"
    assert math.isnan(found.feature_cosine)
    assert math.isnan(found.probe_auc)


def test_runs_that_are_not_well_are_told_by_cause_the_worst_first():
    patients = {
        "well": Health("ok"),
        "unseen": None,
        "a": Health("warning", "overfitting", "It overfits."),
        "b": Health("collapsed", "wrong input range", "It is blind.", "model.input_scaling=contract"),
        "c": Health("collapsed", "learning rate too high", "It jumped.", "optim.lr=0.001"),
        "d": Health("collapsed", "learning rate too high", "It jumped, too.", "optim.lr=0.0001"),
    }
    told = ailments(patients)
    assert [(ailment.words, [name for name, _ in ailment.said]) for ailment in told] == [
        ("collapsed: learning rate too high", ["c", "d"]),
        ("collapsed: wrong input range", ["b"]),
        ("warning: overfitting", ["a"]),
    ]
    assert [ailment.cure for ailment in told] == [None, "model.input_scaling=contract", None]
    assert told[0].said[1] == ("d", "It jumped, too.")
