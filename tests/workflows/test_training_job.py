"""A training from Python is recorded as the command's is; the notebook's test trains one to its end."""

import dataclasses

import pytest

from skinexp.config import compose
from skinexp.core.errors import UserError
from skinexp.runs.run_summary import read_summary
from skinexp.workflows.training_job import train


def test_a_mistake_is_raised_and_recorded_in_the_new_directory(tmp_path):
    config = dataclasses.replace(compose(), seed=-1)
    directory = tmp_path / "runs" / "first"
    with pytest.raises(UserError, match="seed"):
        train(config, directory)
    summary = read_summary(directory)
    assert (summary.status, summary.name, summary.seed) == ("failed", "first", -1)
    assert "seed" in summary.error
    assert (directory / "packages.txt").exists()


def test_a_mistake_in_the_data_is_found_before_the_backend_is_set_up(tmp_path, monkeypatch):
    (tmp_path / "images").mkdir()
    monkeypatch.setattr("skinexp.compute.configure", lambda config: pytest.fail("the backend was set up"))
    config = compose(
        ["data=folder", f"data.path={tmp_path / 'images'}", f"tracking.uri=sqlite:///{tmp_path}/mlflow.db"]
    )
    config = dataclasses.replace(config, tracking=dataclasses.replace(config.tracking, required=False, wait=0))
    with pytest.raises(UserError, match="holds neither"):
        train(config, tmp_path / "run")
    assert read_summary(tmp_path / "run").stage == "data"
