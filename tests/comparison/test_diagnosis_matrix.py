"""The diagnosis matrix: which runs stand in which cell, and what is said of them."""

import math

import pytest

from skinexp.comparison.diagnosis_matrix import diagnosis_matrix

WELL = {"verdict": "ok", "feature_cosine": 0.5, "probe_auc": 0.8}
ILL = {"verdict": "collapsed", "cause": "wrong_input_range", "feature_cosine": 0.9999, "probe_auc": 0.7}


def test_the_input_range_goes_across_and_all_else_goes_down(collapse):
    matrix = diagnosis_matrix(collapse)
    assert (matrix.key, matrix.columns) == ("model.input_scaling", ["contract", "unit"])
    assert matrix.row_keys == ["model.name", "model.batch_norm", "optim.lr"]
    assert len(matrix.rows) == 8


def test_a_heading_stands_once_for_the_rows_that_share_it(collapse):
    headings = [[(heading.text, heading.rows) for heading in row] for row, _ in diagnosis_matrix(collapse).rows]
    assert headings == [
        [("efficientnet", 4), ("frozen", 2), ("0.0001", 1)],
        [("0.001", 1)],
        [("trained", 2), ("0.0001", 1)],
        [("0.001", 1)],
        [("mobilenet", 4), ("frozen", 2), ("0.0001", 1)],
        [("0.001", 1)],
        [("trained", 2), ("0.0001", 1)],
        [("0.001", 1)],
    ]


def test_a_cell_says_how_good_and_how_healthy_its_run_is(collapse):
    _, (contract, unit) = diagnosis_matrix(collapse).rows[0]
    alike = [record for record in collapse if record.health.cause]
    assert unit.area in {record.roc_auc for record in alike}
    assert (unit.runs, unit.cosine, unit.probe, unit.kind) == (1, 0.9998, 0.76, "collapsed")
    assert [finding.words for finding in unit.findings] == ["collapsed: wrong input range"]
    assert [finding.words for finding in contract.findings] == ["ok"]


def test_without_the_input_range_the_first_key_goes_across(run):
    records = [
        run({"model.name": name, "optim.lr": lr}, health=WELL) for name in ("scratch", "mobilenet") for lr in (0.1, 0.2)
    ]
    matrix = diagnosis_matrix(records)
    assert (matrix.key, matrix.columns, matrix.row_keys) == ("model.name", ["scratch", "mobilenet"], ["optim.lr"])


@pytest.fixture
def repeated(run):
    """Two settings of two keys; three seeds of the first cell, of which one is ill; a cell without a run."""
    first = {"model.name": "a", "optim.lr": 0.1}
    return [
        run(first, 0.8, WELL, seed=0),
        run(first, 0.6, ILL, seed=1),
        run(first, 0.7, WELL, seed=2),
        run({"model.name": "a", "optim.lr": 0.2}, 0.9),
        run({"model.name": "b", "optim.lr": 0.1}, None, {"verdict": "collapsed", "cause": "x_y"}, status="failed"),
    ]


def test_repetitions_share_a_cell_with_their_means_and_their_number(repeated):
    _, (cell, _) = diagnosis_matrix(repeated).rows[0]
    assert cell.runs == 3
    assert cell.area == pytest.approx(0.7)
    assert cell.cosine == pytest.approx((0.5 + 0.5 + 0.9999) / 3)
    assert [(finding.words, finding.runs) for finding in cell.findings] == [
        ("collapsed: wrong input range", 1),
        ("ok", 2),
    ]
    assert diagnosis_matrix(repeated).has_repetitions


def test_failed_runs_unseen_runs_and_missing_ones_are_told_apart(repeated):
    (_, (_, failed)), (_, (unseen, missing)) = diagnosis_matrix(repeated).rows
    assert [(finding.kind, finding.words) for finding in failed.findings] == [("failed", "failed: x y")]
    assert math.isnan(failed.area)
    assert [finding.words for finding in unseen.findings] == ["not examined"]
    assert missing is None


def test_there_is_no_matrix_of_one_key_or_of_runs_that_no_doctor_saw(run):
    assert diagnosis_matrix([run({"optim.lr": lr}, health=WELL) for lr in (0.1, 0.2)]) is None
    assert diagnosis_matrix([run({"a": a, "b": b}) for a in (1, 2) for b in (1, 2)]) is None


def test_there_is_no_matrix_of_draws_at_random_whose_cells_would_be_empty(run):
    draws = [(1, 7), (2, 3), (3, 7), (4, 9), (5, 3), (6, 1)]
    assert diagnosis_matrix([run({"a": a, "b": b}, health=WELL) for a, b in draws]) is None
