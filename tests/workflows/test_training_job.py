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


def test_a_directory_that_holds_a_run_is_refused_unless_it_is_to_be_replaced(tmp_path):
    broken = dataclasses.replace(compose(), seed=-1)
    (tmp_path / "result.json").write_text('{"status": "failed", "stage": "data"}')
    (tmp_path / "history.csv").write_text("of the first run")
    with pytest.raises(UserError, match=r"directory: .* already holds a run \(failed\)"):
        train(broken, tmp_path)
    with pytest.raises(UserError, match="seed"):
        train(dataclasses.replace(broken, overwrite=True), tmp_path)
    assert not (tmp_path / "history.csv").exists()
    assert read_summary(tmp_path).setting("overwrite") is False
