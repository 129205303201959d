"""Which command `resume=DIRECTORY` stands for."""

import os
import shlex
import sys

import pytest
import yaml

from skinexp.core.errors import UserError
from skinexp.sweep import resume
from skinexp.sweep.manifest import Manifest


@pytest.fixture(autouse=True)
def process(monkeypatch, tmp_path):
    """Puts the working directory back as it was."""
    monkeypatch.chdir(tmp_path)


def stands_for(monkeypatch, *arguments: str) -> list[str]:
    monkeypatch.setattr(sys, "argv", ["skinexp-train", *arguments])
    resume.read_arguments()
    return sys.argv[1:]


def test_a_single_run_of_a_recipe_that_sweeps_stays_a_single_run(monkeypatch, tmp_path):
    overrides = {"task": ["experiment=collapse"], "hydra": ["hydra.mode=RUN", "hydra.verbose=true"]}
    settings = {"hydra": {"overrides": overrides, "runtime": {"cwd": os.getcwd()}}}
    (tmp_path / "run" / ".hydra").mkdir(parents=True)
    (tmp_path / "run" / ".hydra" / "hydra.yaml").write_text(yaml.safe_dump(settings))
    (tmp_path / "run" / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(overrides["task"]))
    assert stands_for(monkeypatch, "resume=run") == [
        "experiment=collapse",
        "hydra.verbose=true",
        "hydra.mode=RUN",
        f'hydra.run.dir="{tmp_path}/run"',
        "hydra.output_subdir=null",
    ]


def test_a_run_that_was_killed_before_its_command_was_saved_is_no_run(monkeypatch, tmp_path):
    (tmp_path / "run" / ".hydra").mkdir(parents=True)
    (tmp_path / "run" / ".hydra" / "hydra.yaml").touch()
    with pytest.raises(UserError, match="no run or sweep of skinexp is in this directory"):
        stands_for(monkeypatch, "resume=run")


def test_a_sweep_whose_values_stand_in_its_recipe_is_asked_for_by_the_recipe_again(monkeypatch, tmp_path):
    (tmp_path / "sweep").mkdir()
    Manifest("killed", ["experiment=collapse"], ["model"], {}, place=os.getcwd()).save(tmp_path / "sweep")
    expected = ["-m", "experiment=collapse", f'hydra.sweep.dir="{tmp_path}/sweep"']
    assert stands_for(monkeypatch, "-m", "resume=sweep") == expected


def test_what_another_command_left_is_not_continued_as_a_training(monkeypatch, tmp_path):
    settings = {"hydra": {"job": {"config_name": "audit"}, "overrides": {"task": [], "hydra": []}}}
    (tmp_path / "run" / ".hydra").mkdir(parents=True)
    (tmp_path / "run" / ".hydra" / "hydra.yaml").write_text(yaml.safe_dump(settings))
    (tmp_path / "run" / ".hydra" / "overrides.yaml").write_text("[]")
    with pytest.raises(UserError, match=r"resume: .*run holds the results of python -m skinexp.audit, which always"):
        stands_for(monkeypatch, "resume=run")


def test_the_advice_of_a_stopped_command_can_be_pasted_with_blanks_in_the_name(tmp_path):
    (tmp_path / "my exp").mkdir()
    assert shlex.split(resume.advice(tmp_path / "my exp").partition("To resume: ")[2])[-1] == "resume=my exp"
