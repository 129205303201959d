"""The comparison command on real runs, from their directories and from MLflow."""

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd

from skinexp.compare import compare

STORE = "sqlite:///mlflow.db"  # not there: directories need none

COMPARE = """
import atexit, runpy, sys
atexit.register(lambda: print("TENSORFLOW", "tensorflow" in sys.modules, "KERAS", "keras" in sys.modules))
runpy.run_module("skinexp.compare", run_name="__main__")
"""


def table(page: Path) -> pd.DataFrame:
    return pd.read_csv(page.with_suffix(".csv"))


def test_a_sweep_is_found_on_mlflow_by_the_id_of_its_parent_and_read_without_tensorflow(three, tmp_path):
    command = [sys.executable, "-c", COMPARE, three.sweep["parent"], "--uri", three.store]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    page = tmp_path / "comparison" / "comparison.html"
    assert page.is_file()
    pd.testing.assert_frame_equal(table(page), table(three.directory / "comparison.html"))
    assert re.search(r"model=efficientnet +(\w+ +)?[01]\.\d\d\d", printed)
    assert f"Comparison page: {page.relative_to(tmp_path)}" in printed
    assert "TENSORFLOW False KERAS False" in printed


def test_a_run_is_found_on_mlflow_by_its_id(single, tmp_path):
    page = compare([single.result()["run_id"]], single.store, tmp_path)
    assert table(page)["name"].tolist() == ["experiment=smoke"]


def test_a_sweep_is_compared_again_in_its_directory(three):
    page = three.directory / "comparison.html"
    before = table(page)
    page.unlink()
    assert compare([str(three.directory)], STORE, None) == page
    assert page.is_file()
    pd.testing.assert_frame_equal(table(page), before)


def test_runs_of_different_sweeps_and_of_one_name_are_compared_side_by_side(twice, three, tmp_path):
    runs = [twice[0].directory, three.directory / "1", twice[1].directory]
    page = compare([str(run) for run in runs], STORE, tmp_path)
    assert table(page)["name"].tolist() == ["experiment=smoke", "model=mobilenet", "experiment=smoke (2)"]


def test_failed_runs_are_listed_with_what_stopped_them(broken, tmp_path):
    rows = table(compare([str(broken.directory)], STORE, tmp_path))
    assert rows["status"].tolist() == ["failed", "finished"]
    assert rows["error"].iloc[0].startswith("NonFiniteLoss")


def test_a_stopped_sweep_is_compared_too(stopped, tmp_path):
    assert table(compare([str(stopped.directory)], STORE, tmp_path))["status"].tolist() == ["killed"]
