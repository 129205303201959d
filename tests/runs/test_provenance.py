import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

import pytest

from skinexp.runs import provenance
from skinexp.runs.provenance import GitState

AUTHOR = ("-c", "user.name=A Tester", "-c", "user.email=tester@example.org", "-c", "commit.gpgsign=false")


def git(directory: Path, *arguments: str) -> str:
    command = ["git", "-C", str(directory), *AUTHOR, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path, monkeypatch) -> Path:
    """A repository of one commit that seems to hold the package."""
    git(tmp_path, "init", "--quiet")
    (tmp_path / "code.py").write_text("pass\n")
    git(tmp_path, "add", "code.py")
    git(tmp_path, "commit", "--quiet", "--message", "Begin")
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "provenance.py"))
    return tmp_path


def test_a_clean_checkout_is_named_by_its_commit(checkout):
    assert provenance.git_state() == GitState(git(checkout, "rev-parse", "HEAD"), dirty=False)


def test_a_changed_file_makes_a_checkout_dirty(checkout):
    (checkout / "code.py").write_text("changed\n")
    assert provenance.git_state().dirty is True


def test_a_file_that_git_does_not_know_makes_a_checkout_dirty(checkout):
    (checkout / "new.py").write_text("pass\n")
    assert provenance.git_state().dirty is True


def test_outside_a_checkout_nothing_is_claimed(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "provenance.py"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.git_state() == GitState(None, None)


def test_without_git_nothing_is_claimed(checkout, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert provenance.git_state() == GitState(None, None)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["data.split.train=0.5"], "python -m skinexp.train data.split.train=0.5"),
        (
            ["data.split.train=0.5", "data.path=my images"],
            "python -m skinexp.train data.split.train=0.5 'data.path=my images'",
        ),
    ],
)
def test_a_run_tells_its_command_as_a_person_would_type_it_again(typed, told, tmp_path):
    subprocess.run([sys.executable, "-m", "skinexp.train", *typed], cwd=tmp_path, capture_output=True)
    (file,) = tmp_path.glob("outputs/*/*/result.json")
    assert json.loads(file.read_text())["command"] == told


def test_packages_are_listed_once_each_with_their_versions():
    packages = provenance.packages()
    assert f"keras=={importlib.metadata.version('keras')}" in packages
    assert packages == sorted(set(packages), key=str.lower)
