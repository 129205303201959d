"""The comparison command on runs made by hand; tests/end_to_end compares real ones."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from skinexp.compare import compare, main
from skinexp.errors import UserError

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


def test_a_directory_without_runs_is_told_by_its_name(tmp_path):
    with pytest.raises(UserError, match=f"^{tmp_path}: holds neither a run"):
        compare([str(tmp_path)], STORE, None)


@pytest.mark.parametrize("name", ["multirun/yesterday", "0123456789abcdef"])
def test_a_wrong_name_is_told_in_one_sentence_and_creates_nothing(name, tmp_path):
    command = [sys.executable, "-m", "skinexp.compare", name]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert finished.returncode == 2
    assert finished.stdout == ""
    assert finished.stderr == f"{name}: neither a directory nor a run in {STORE}, which is not there\n"
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
    assert "usage: python -m skinexp.compare" in capsys.readouterr().err


def test_help_names_the_default_store_and_imports_nothing_heavy():
    code = "import sys, skinexp.compare\ntry: skinexp.compare.main(['--help'])\nexcept SystemExit: pass\n"
    code += "print(sorted({'tensorflow', 'keras', 'mlflow', 'matplotlib', 'pandas'} & set(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert STORE in printed
    assert printed.splitlines()[-1] == "[]"
