"""What varies among runs, found by comparing their configurations."""

from pathlib import Path

from skinexp.comparison.swept_keys import settings, shown, varied
from skinexp.runs.run_summary import RunRecord


def test_keys_that_differ_are_found_with_their_values_in_the_order_of_the_configuration(collapse):
    assert varied(collapse) == {
        "model.name": ["efficientnet", "mobilenet"],
        "model.input_scaling": ["contract", "unit"],
        "model.batch_norm": ["frozen", "trained"],
        "optim.lr": [1e-4, 1e-3],
    }


def test_what_follows_from_an_earlier_key_has_not_been_varied(collapse):
    assert len({settings(record)["model.fine_tune.lr"] for record in collapse}) == 2
    assert "model.fine_tune.lr" not in varied(collapse)


def test_numbers_ascend_and_words_stay_in_the_order_of_the_runs(run):
    records = [run({"model.name": name, "optim.lr": lr}) for name, lr in (("b", 0.1), ("a", 0.01), ("b", 0.01))]
    assert varied(records) == {"model.name": ["b", "a"], "optim.lr": [0.01, 0.1]}


def test_repetitions_and_bookkeeping_are_no_variation(run):
    records = [
        run({"optim.lr": 0.1, "tracking.uri": uri, "data.cache": uri, "explain.images": seed}, seed=seed)
        for seed, uri in enumerate(("sqlite:///a.db", "sqlite:///b.db"))
    ]
    assert varied(records) == {}


def test_keys_that_some_runs_do_not_know_are_left_out(run):
    assert varied([run({"optim.lr": 0.1}), run({"optim.lr": 0.2, "optim.new": 1})]) == {"optim.lr": [0.1, 0.2]}


def test_runs_that_left_no_configuration_do_not_matter(run):
    lost = RunRecord("lost", "failed", Path("lost"), {})
    assert settings(lost) == {}
    assert varied([lost, run({"optim.lr": 0.1}), run({"optim.lr": 0.2})]) == {"optim.lr": [0.1, 0.2]}
    assert varied([lost]) == {}


def test_lists_are_compared_as_a_whole(run):
    records = [run({"data.exclude": ["a", "b"]}), run({"data.exclude": []})]
    assert varied(records) == {"data.exclude": ['["a", "b"]', "[]"]}


def test_values_read_as_on_a_command_line():
    assert [shown(value) for value in (None, True, 1e-5, 3, "unit")] == ["null", "true", "1e-05", "3", "unit"]
