"""What the doctor says of real runs: in result.json, in health.json, in MLflow, on the terminal."""

import json

import pandas as pd
import pytest


def test_every_run_has_a_verdict_in_its_files_and_in_mlflow(single):
    health = single.result()["health"]
    report = json.loads((single.directory / "health.json").read_text())
    assert health["verdict"] == report["verdict"] in ("ok", "warning", "collapsed")
    assert health["sentence"] == report["sentence"]
    assert f"Health    {health['verdict']}: " in single.output
    assert single.run().data.tags["health"] == health["verdict"]
    assert "health.json" in single.artifacts(single.run())


def test_readings_are_in_the_history_and_metrics_of_mlflow(single):
    history = pd.read_csv(single.directory / "history.csv")
    assert history["health/update_ratio"].gt(0).all()
    assert history["health/logit_std"].notna().tolist() == [True, False]  # after epochs 1, 5, 25, ...
    metrics = single.run().data.metrics
    assert metrics["health/update_ratio"] == history["health/update_ratio"].iloc[-1]
    kept = json.loads((single.directory / "health.json").read_text())["after"]
    assert metrics["health/feature_cosine"] == kept["feature_cosine"]  # behind the curve of the epochs
    assert metrics["health/logit_std"] == kept["logit_std"]


def test_a_lost_loss_is_explained_where_the_run_failed(broken):
    health = broken.result("0")["health"]
    assert (health["verdict"], health["cause"]) == ("collapsed", "learning_rate_too_high")
    assert health["cure"] == "optim.lr=0.001"
    assert broken.run("0").data.tags["health"] == "collapsed"
    assert broken.run("0").data.tags["health_cause"] == "learning_rate_too_high"
    assert broken.result("1")["status"] == "finished"


@pytest.fixture(scope="module")
def variants(train):
    options = "experiment=smoke tracking.tensorboard=false"
    return train(
        f"{options} optim.lr=1e30 health.policy=stop",
        f"{options} health.policy=off",
        f"{options} health.preflight=false",
        options,
    )


@pytest.mark.slow
def test_a_preflight_stops_the_run_where_it_is_asked_to(variants):
    stopped = variants[0]
    assert stopped.code == 2
    assert "health.preflight: learning rate too high" in stopped.output
    assert "Cure: optim.lr=0.001" in stopped.output
    assert "Traceback" not in stopped.output
    assert json.loads((stopped.directory / "health.json").read_text())["trials"][0]["ratio"] is None
    assert not (stopped.directory / "history.csv").exists()


@pytest.mark.slow
def test_a_doctor_who_is_off_says_nothing(variants):
    off = variants[1]
    assert off.code == 0
    assert "health" not in off.result()
    assert not (off.directory / "health.json").exists()
    assert not [name for name in pd.read_csv(off.directory / "history.csv").columns if name.startswith("health/")]


@pytest.mark.slow
def test_without_a_preflight_the_verdict_comes_all_the_same(variants):
    without = variants[2]
    assert without.result()["health"]["verdict"]
    assert json.loads((without.directory / "health.json").read_text())["before"] == {}


@pytest.mark.slow
def test_the_doctor_changes_no_number(variants):
    """Without, without a preflight, and with: the same logits to the bit."""
    logits = [command.predictions()["logit"].tolist() for command in variants[1:]]
    assert logits[0] == logits[1] == logits[2]
