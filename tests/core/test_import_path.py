"""Packages of the working directory do not take the place of installed ones."""

import subprocess
import sys
from pathlib import Path

import pytest

from skinexp.core.child_processes import environment
from skinexp.core.import_path import without_working_directory

COMMAND = ["python", "-X", "dev", "-m", "skinexp.train", "-m", "seed=0,1"]


@pytest.fixture
def place(tmp_path, monkeypatch) -> str:
    monkeypatch.chdir(tmp_path)
    return str(tmp_path)


def test_the_working_directory_of_a_command_is_not_imported_from(place):
    assert without_working_directory([place, "/lib"], COMMAND) == ["/lib"]
    assert without_working_directory(["", "/lib"], COMMAND) == ["/lib"]


def test_a_checkout_in_the_working_directory_comes_last(place):
    package = Path(place, "skinexp")
    package.mkdir()
    assert without_working_directory([place, "/lib"], COMMAND, package) == ["/lib", place]


@pytest.mark.parametrize(
    "command",
    [
        ["python", "train.py"],
        ["python", "-m", "mine.train"],
        ["/venv/bin/skinexp-train", "seed=1"],
        ["python", "-m", "pytest", "-m", "skinexp"],
    ],
)
def test_other_programs_keep_their_path(place, command):
    assert without_working_directory([place, "/lib"], command) == [place, "/lib"]


def test_a_directory_that_the_person_put_there_stays(place):
    assert without_working_directory(["/mine", place], COMMAND) == ["/mine", place]


def test_a_package_of_the_working_directory_is_not_imported_by_a_command(place):
    for name in ("rich", "yaml", "omegaconf", "hydra"):
        Path(name).mkdir()
        Path(name, "__init__.py").write_text(f"raise SystemExit('imported {name} of the working directory')")
    asked = [sys.executable, "-m", "skinexp.train", "--help"]
    as_typed = {name: value for name, value in environment().items() if name != "PYTHONSAFEPATH"}
    done = subprocess.run(asked, env=as_typed, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
