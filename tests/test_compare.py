"""The comparison command on runs made by hand; tests/end_to_end compares real ones."""

import json
import subprocess
import sys
import warnings
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient

from skinexp.compare import compare, main
from skinexp.core.errors import UserError
from skinexp.core.python_command import skinexp_command

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # SQLAlchemy warns about MLflow, on being imported
    import mlflow.store.tracking.sqlalchemy_store  # noqa: F401

STORE = "sqlite:///mlflow.db"


def run(directory: Path, **values: object) -> Path:
    """A run's directory with a result and nothing else."""
    directory.mkdir(parents=True)
    finished = {"status": "finished", "name": directory.name, "metrics": {"val/roc_auc": 0.5, "test/roc_auc": 0.5}}
    (directory / "result.json").write_text(json.dumps(finished | values))
    return directory


def sweep(directory: Path, jobs: int) -> Path:
    """A sweep's directory as Hydra leaves it."""
    for number in range(jobs):
        (run(directory / str(number), name=f"seed={number}") / ".hydra").mkdir()
    (directory / "sweep.json").write_text("{}")
    return directory


def names(page: Path) -> list[str]:
    return pd.read_csv(page.with_suffix(".csv"))["name"].tolist()


def test_runs_are_compared_in_the_order_in_which_they_are_named(tmp_path):
    first, second = run(tmp_path / "b"), run(tmp_path / "a")
    page = compare([str(first), str(second)], STORE, tmp_path / "page")
    assert page == tmp_path / "page" / "comparison.html"
    assert names(page) == ["b", "a"]


def test_a_sweep_stands_for_its_runs_in_the_order_of_their_numbers(tmp_path):
    page = compare([str(sweep(tmp_path / "sweep", jobs=11))], STORE, None)
    assert page.parent == tmp_path / "sweep"
    assert names(page) == [f"seed={number}" for number in range(11)]


def test_a_sweep_and_a_run_are_compared_in_a_directory_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = compare([str(sweep(tmp_path / "sweep", jobs=1)), str(run(tmp_path / "alone"))], STORE, None)
    assert page == Path("comparison/comparison.html")
    assert names(page) == ["seed=0", "alone"]


def test_a_run_that_is_named_twice_is_there_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    whole, copy = sweep(tmp_path / "sweep", jobs=2), run(tmp_path / "copy", run_id="0123")
    fetched = run(tmp_path / "fetched", run_id="0123")
    page = compare([str(whole), "sweep/0", str(copy), str(fetched)], STORE, None)
    assert names(page) == ["seed=0", "seed=1", "copy"]


def test_a_directory_without_runs_is_told_by_its_name(tmp_path):
    with pytest.raises(UserError, match=f"^{tmp_path}: contains neither a run"):
        compare([str(tmp_path)], STORE, None)


@pytest.mark.parametrize("name", ["multirun/yesterday", "0123456789abcdef"])
def test_a_wrong_name_is_told_in_one_sentence_and_creates_nothing(name, tmp_path):
    command = [sys.executable, "-m", "skinexp.compare", name]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert finished.returncode == 2
    assert finished.stdout == ""
    assert finished.stderr == f"{name}: neither a directory nor a run in {STORE}, which does not exist\n"
    assert not list(tmp_path.iterdir())


def test_a_store_that_does_not_answer_is_told_in_one_sentence(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["0123456789abcdef", "--uri", "http://127.0.0.1:1"])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tracking.uri: http://127.0.0.1:1 cannot be used")


def test_the_command_without_a_run_shows_how_it_is_used(capsys):
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    assert f"usage: {skinexp_command('compare')}" in capsys.readouterr().err


def test_help_names_the_default_store_and_imports_nothing_heavy():
    code = "import sys, skinexp.compare\ntry: skinexp.compare.main(['--help'])\nexcept SystemExit: pass\n"
    code += "print(sorted({'tensorflow', 'keras', 'mlflow', 'matplotlib', 'pandas'} & set(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert STORE in printed
    assert printed.splitlines()[-1] == "[]"


BLOCKED = """
import runpy, sys
for name in ("tensorflow", "keras"):
    sys.modules[name] = None  # importing it fails, as where it is not installed
runpy.run_module("skinexp.compare", run_name="__main__")
print("MLFLOW", "mlflow" in sys.modules)
"""


def test_directories_are_compared_where_tensorflow_cannot_be_imported_and_without_mlflow(tmp_path):
    runs = [str(sweep(tmp_path / "sweep", jobs=2)), str(run(tmp_path / "alone"))]
    command = [sys.executable, "-c", BLOCKED, *runs, "--output", str(tmp_path / "page")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert names(tmp_path / "page" / "comparison.html") == ["seed=0", "seed=1", "alone"]
    assert printed.splitlines()[-1] == "MLFLOW False"


# A search


@pytest.fixture(scope="module")
def stored(tmp_path_factory) -> str:
    """A store with two sweeps of one run each, each below a run of its own, and a run that is not ours."""
    place = tmp_path_factory.mktemp("store")
    uri = f"sqlite:///{place}/mlflow.db"
    client = MlflowClient(uri)
    experiment = client.create_experiment("lesions", artifact_location=f"file://{place}/artifacts")
    for number, name in enumerate(("first", "second")):
        parent = client.create_run(experiment, tags={"sweep": name, "skinexp.key": f"sweep {name}"})
        tags = {
            "sweep": name,
            "skinexp.key": f"run {name}",
            "model": "scratch",
            "mlflow.parentRunId": parent.info.run_id,
        }
        job = client.create_run(experiment, tags=tags, run_name=f"seed={number}", start_time=1_000 + number)
        client.log_artifact(job.info.run_id, str(run(place / name, name=f"seed={number}") / "result.json"))
        client.log_metric(job.info.run_id, "test/roc_auc", 0.7 + 0.1 * number)
    client.create_run(experiment, tags={"sweep": "others"})
    return uri


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("tags.sweep = 'second'", ["seed=1"]),
        ("metrics.`test/roc_auc` > 0.6", ["seed=0", "seed=1"]),
        ("", ["seed=0", "seed=1"]),
    ],
)
def test_a_search_stands_for_the_runs_that_it_finds_in_all_experiments(where, found, stored, tmp_path):
    assert names(compare([], stored, tmp_path, where)) == found


def test_runs_that_are_named_come_before_those_that_are_searched(stored, tmp_path):
    page = compare([str(run(tmp_path / "alone"))], stored, tmp_path / "page", "tags.sweep = 'first'")
    assert names(page) == ["alone", "seed=0"]


def test_a_sweep_and_runs_that_are_searched_leave_the_sweeps_own_page_alone(stored, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = compare([str(sweep(tmp_path / "sweep", jobs=1))], stored, None, "tags.sweep = 'second'")
    assert page == Path("comparison/comparison.html")
    assert not (tmp_path / "sweep" / "comparison.html").exists()


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("sweep is 'first'", "--where: MLflow cannot read this filter: "),
        ("tags.sweep = 'third'", "--where: finds no runs in "),
        ("tags.sweep = 'others'", "--where: finds 1 run, but none that trained a network with skinexp, in "),
    ],
)
def test_a_search_that_finds_nothing_is_told_in_one_sentence(where, says, stored, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--where", where, "--uri", stored])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(says)
    assert line.endswith(f"Received: {where}")


def test_a_search_in_a_store_that_is_not_there_creates_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"^--where: the store sqlite:///mlflow.db does not exist"):
        compare([], STORE, None, "tags.sweep = 'first'")
    assert not list(tmp_path.iterdir())


def test_a_search_needs_no_tensorflow(stored, tmp_path):
    command = [sys.executable, "-c", BLOCKED, "--where", "tags.sweep = 'first'", "--uri", stored]
    subprocess.run([*command, "--output", str(tmp_path)], capture_output=True, text=True, check=True)
    assert names(tmp_path / "comparison.html") == ["seed=0"]


@pytest.mark.parametrize("output", ["alone", "sweep"])
def test_a_comparison_does_not_join_the_files_of_a_run_or_replace_those_of_a_sweep(output, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sweep(tmp_path / "sweep", jobs=2)
    run(tmp_path / "alone")
    (tmp_path / "sweep" / "comparison.csv").write_text("of the sweep")
    with pytest.raises(UserError, match=f"--output: {output} holds a run or a sweep"):
        compare(["sweep", "alone"], STORE, Path(output))
    assert (tmp_path / "sweep" / "comparison.csv").read_text() == "of the sweep"
    assert compare(["sweep"], STORE, Path("sweep")).is_file()


def test_a_comparison_without_folds_leaves_no_folds_of_an_earlier_one(tmp_path):
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "folds.csv").write_text("of other runs")
    compare([str(run(tmp_path / "alone"))], STORE, tmp_path / "page")
    assert not (tmp_path / "page" / "folds.csv").exists()
