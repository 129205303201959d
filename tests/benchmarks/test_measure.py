import json

import measure
import numpy as np
import pytest
from measure import Row


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setattr(measure, "RESULTS", tmp_path / "results")
    return tmp_path / "results"


def test_contestants_take_turns_after_a_round_that_does_not_count():
    calls = []
    seconds = measure.in_turns({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, runs=2)
    assert calls == ["a", "b"] * 3
    assert {name: len(values) for name, values in seconds.items()} == {"a": 2, "b": 2}


def test_of_a_rate_more_is_better_and_of_a_time_less():
    rates = [Row("ours", 300, "images a second"), Row("theirs", 100, "images a second")]
    times = [Row("ours", 2, "s"), Row("theirs", 10, "s")]
    assert measure.at_least(3, "theirs", "ours", rates, "").met
    assert not measure.at_least(3.1, "theirs", "ours", rates, "").met
    assert measure.at_least(5, "theirs", "ours", times, "").measured == "5 times: 2 s"


def test_peak_memory_counts_what_was_added():
    before = np.ones(1_000_000)
    with measure.peak_memory() as peak:
        array = np.ones(10_000_000)
    assert 75 < peak.megabytes < 160
    assert array.nbytes == 10 * before.nbytes


def test_a_report_is_kept_with_its_goals(results, capsys):
    rows = [Row("ours", 300, "images a second", 5.0), Row("theirs", 100, "images a second")]
    goals = [measure.at_least(4, "theirs", "ours", rows, "reading")]
    measure.report("benchmarks/speed.py", "Reading is fast.", rows, against="theirs", goals=goals, size=224)
    kept = json.loads((results / "speed.json").read_text())
    assert [row["ratio"] for row in kept["rows"]] == [3.0, 1.0]
    assert kept["facts"] == {"size": 224}
    assert kept["goals"][0] | {"measured": ""} == {
        "what": "reading",
        "asked": "4 times theirs",
        "measured": "",
        "met": False,
        "peers": "theirs: 100 images a second",
    }
    assert "NOT MET" in capsys.readouterr().out


def test_a_report_that_is_not_worth_keeping_is_only_printed(results, capsys):
    measure.report("speed.py", "Reading is fast.", [Row("ours", 1, "s")], keep=False)
    assert "ours" in capsys.readouterr().out
    assert not results.exists()


def test_a_command_names_no_directory_of_this_machine(tmp_path):
    given = ["--images", str(tmp_path), "--size", "96"]
    assert measure.command("speed", given) == "python benchmarks/speed.py --images DIRECTORY --size 96"


@pytest.mark.parametrize(("value", "text"), [(0.01234, "0.0123"), (12.34, "12.3"), (1234.5, "1,234"), (99.96, "100")])
def test_figures_have_three_digits_that_count(value, text):
    assert measure.figure(value) == text
