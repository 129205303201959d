"""The one search for runs: a run with its network, and many runs to compare."""

import json
import zipfile
from pathlib import Path

import pytest

from skinexp.config.schema import Preprocess, Tracking
from skinexp.core.errors import UserError
from skinexp.core.run_files import MODEL, RESULT
from skinexp.core.strict_json import write_json
from skinexp.runs.lookup import METADATA, locate_run, locate_runs
from skinexp.tracking.outbox import Outbox

STORE = "sqlite:////nowhere/mlflow.db"


def trained(directory: Path, **values: object) -> Path:
    """A run's directory with its result and its model's file."""
    directory.mkdir(parents=True)
    (directory / ".hydra").mkdir()
    write_json(directory / RESULT, {"status": "finished", "name": "seed=1"} | values)
    return model_file(directory / MODEL).parent


def model_file(file: Path) -> Path:
    metadata = {"preprocess": {"size": 64}, "threshold": 0.3}
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(METADATA, json.dumps(metadata))
    return file


def test_a_run_is_located_by_its_directory(tmp_path):
    run = locate_run(str(trained(tmp_path / "0", model={"name": "scratch", "parameters": 5})), None)
    assert (run.name, run.model, run.summary.status, run.threshold) == ("seed=1", "scratch", "finished", 0.3)
    assert run.preprocess == Preprocess(size=64)
    assert (run.run_id, run.tracking) == (None, None)
    assert run.model_file.read_bytes() == (tmp_path / "0" / MODEL).read_bytes()


def test_a_run_is_located_by_the_model_file_in_its_directory(tmp_path):
    directory = trained(tmp_path / "0")
    outbox = Outbox(directory)
    outbox.create()
    outbox.append("run", key="the-key", uri=STORE, experiment="moles")
    run = locate_run(str(directory / MODEL), None)
    assert (run.name, run.key) == ("seed=1", "the-key")
    assert run.tracking == Tracking(uri=STORE, experiment="moles", required=False, system_metrics=False)


@pytest.mark.parametrize("name", ["best.keras", MODEL])
def test_a_model_file_alone_is_a_run_that_was_not_tracked(tmp_path, name):
    write_json(tmp_path / "another.json", {})
    run = locate_run(str(model_file(tmp_path / name)), None)
    assert run.name == ("best" if name == "best.keras" else tmp_path.name)
    assert (run.summary.config, run.tracking, run.threshold) == ({}, None, 0.3)
    assert run.model_file.read_bytes() == (tmp_path / name).read_bytes()


def test_a_run_without_a_model_is_refused_with_its_status(tmp_path):
    write_json(tmp_path / RESULT, {"status": "killed"})
    with pytest.raises(UserError, match=r"holds no model.keras; the run is killed"):
        locate_run(str(tmp_path), None)


def test_a_sweep_is_no_run_but_names_its_first(tmp_path):
    trained(tmp_path / "0")
    with pytest.raises(UserError, match=rf"It is a sweep: name one of its runs, {tmp_path / '0'}"):
        locate_run(str(tmp_path), None)


def test_a_sweep_stands_for_all_its_runs_whether_finished_or_not(tmp_path):
    jobs = [
        trained(tmp_path / "sweep" / number, status=status) for number, status in (("2", "failed"), ("10", "killed"))
    ]
    alone = trained(tmp_path / "alone")
    assert locate_runs([str(alone), str(tmp_path / "sweep")], STORE) == [alone, *jobs]


def test_a_directory_without_runs_is_refused(tmp_path):
    with pytest.raises(UserError, match="contains neither a run"):
        locate_runs([str(tmp_path)], STORE)
