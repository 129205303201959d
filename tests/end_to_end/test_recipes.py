"""Recipes that ask for a sweep by themselves, in small: from the command that names them to the comparison."""

import json

import pandas as pd
import pytest

from tests.end_to_end.conftest import Command, ended, start

pytestmark = pytest.mark.slow

TINY = (
    "tracking.tensorboard=false data.phantom.images=80 data.phantom.size=48 data.preprocess.size=32 "
    "optim.batch_size=16 optim.epochs=2 model.fine_tune.epochs=1 explain.images=4"
)


@pytest.fixture(scope="module")
def rates(train) -> Command:
    """Three learning rates instead of the recipe's nine."""
    return train(f"experiment=lr_sweep optim.lr=1e-4,1e-3,1e-2 {TINY}")[0]


@pytest.fixture(scope="module")
def collapse(train, weights) -> Command:
    """One model at one learning rate and with one input range: of what the recipe crosses, normalization is left."""
    small = f"model=mobilenet model.alpha=0.35 model.weights={weights} model.input_scaling=unit"
    return train(f"experiment=collapse {small} optim.lr=1e-3 {TINY}")[0]


def test_a_recipe_sweeps_without_being_told_to_and_the_command_line_wins(rates):
    assert rates.code == 0, rates.output
    assert rates.sweep["varied"] == ["optim.lr"]
    names = ["optim.lr=0.0001", "optim.lr=0.001", "optim.lr=0.01"]
    assert [(job["name"], job["status"]) for job in rates.sweep["jobs"]] == [(name, "finished") for name in names]
    assert pd.read_csv(rates.directory / "comparison.csv")["name"].tolist() == names


def test_the_page_draws_the_area_against_the_learning_rate(rates):
    assert "ROC-AUC against learning rate" in (rates.directory / "comparison.html").read_text()


def test_a_sweep_that_a_recipe_asked_for_is_resumed_like_any_other(rates, tmp_path):
    kept = [rates.result(job)["run_id"] for job in ("0", "1", "2")]
    process = start([f"resume={rates.directory}"], tmp_path)
    resumed = ended(process, tmp_path)
    assert resumed.code == 0, resumed.output
    sweep = json.loads((rates.directory / "sweep.json").read_text())
    assert (sweep["lives"], sweep["varied"]) == (2, ["optim.lr"])
    assert [job["run_id"] for job in sweep["jobs"]] == kept


def test_the_collapse_is_provoked_run_by_run(collapse):
    assert collapse.code == 0, collapse.output
    assert collapse.sweep["varied"] == ["model.batch_norm"]
    made = [collapse.result(job)["config"]["model"] for job in ("0", "1")]
    assert [(model["input_scaling"], model["batch_norm"]) for model in made] == [
        ("unit", "frozen"),
        ("unit", "trained"),
    ]
    assert [collapse.result(job)["phases"] for job in ("0", "1")] == 2 * [["head", "fine_tune"]]
