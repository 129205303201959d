"""The table of an external validation: each score of the new images with its interval, in a terminal of usual width."""

import pytest

from skinexp.report.console.external_validation_table import COLUMNS, show

METRICS = {f"test/{score}{end}": 0.8 for score in COLUMNS for end in ("", "_chosen")}


@pytest.fixture
def printed(capsys, monkeypatch) -> str:
    monkeypatch.setenv("COLUMNS", "80")
    limits = {key.removeprefix("test/"): (0.71, 0.89) for key in METRICS}
    show("external", 1_200, METRICS, 0.3, METRICS, limits | {"f1_chosen": (float("nan"), float("nan"))})
    return capsys.readouterr().out


def test_limits_stand_below_the_scores_of_the_new_images(printed):
    assert "below each score: 95 % CI" in " ".join(printed.split())
    assert printed.count("0.71-0.89") == len(COLUMNS) + 3  # at the operating threshold: without both rankings, and F1


def test_no_cell_is_cut_and_no_line_is_longer_than_the_terminal(printed):
    assert "…" not in printed
    assert printed.count("0.800") == 2 * (6 + 4)
    assert "the run's own" in printed
    assert max(map(len, printed.splitlines())) <= 80
