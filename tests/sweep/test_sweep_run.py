from unittest.mock import Mock

import pytest

from skinexp import tracking
from skinexp.core.errors import UserError
from skinexp.core.invocation import Invocation
from skinexp.sweep.sweep_run import Sweep, end, job_directories, varied


def test_jobs_come_in_the_order_in_which_they_were_launched(tmp_path):
    for number in (10, 2, 0):
        (tmp_path / str(number) / ".hydra").mkdir(parents=True)
    assert [job.name for job in job_directories(tmp_path)] == ["0", "2", "10"]


def test_directories_that_hold_no_job_are_passed_over(tmp_path):
    (tmp_path / "0" / ".hydra").mkdir(parents=True)
    (tmp_path / "figures").mkdir()
    assert [job.name for job in job_directories(tmp_path)] == ["0"]


def test_jobs_in_named_directories_come_after_numbered_ones(tmp_path):
    for name in ("model=scratch", "1"):
        (tmp_path / name / ".hydra").mkdir(parents=True)
    assert [job.name for job in job_directories(tmp_path)] == ["1", "model=scratch"]


RECIPE = {"model": "efficientnet,mobilenet", "optim.lr": "1e-3,1e-4"}


@pytest.mark.parametrize(
    ("params", "overrides", "keys"),
    [
        ({}, ["model=scratch,mobilenet", "seed=1"], ["model"]),
        (RECIPE, ["experiment=collapse"], ["model", "optim.lr"]),
        (RECIPE, ["experiment=collapse", "model=mobilenet"], ["optim.lr"]),
        (RECIPE, ["optim.lr=range(1,4)", "seed=0,1"], ["model", "optim.lr", "seed"]),
    ],
)
def test_what_varies_stands_in_the_recipe_or_in_the_command_which_has_the_last_word(params, overrides, keys):
    assert varied(params, overrides) == keys


def test_a_sweep_whose_jobs_left_their_files_elsewhere_has_not_finished(tmp_path):
    record = Mock(spec=tracking.TrackedRun)
    with pytest.raises(UserError, match=f"There is no result of any job in .*{tmp_path.name}"):
        end(Sweep(tmp_path, record), "finished", Invocation())
    record.discard.assert_called_once()


def test_a_sweep_that_failed_before_its_first_job_leaves_its_directory_free(tmp_path):
    for name in ("sweep.json", "multirun.yaml", "notes.txt"):
        (tmp_path / name).touch()
    end(Sweep(tmp_path, Mock(spec=tracking.TrackedRun)), "failed", Invocation())
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


def test_a_sweep_that_was_stopped_before_its_first_job_leaves_no_run(tmp_path):
    record = Mock(spec=tracking.TrackedRun)
    end(Sweep(tmp_path, record), "killed", Invocation())
    record.discard.assert_called_once()
