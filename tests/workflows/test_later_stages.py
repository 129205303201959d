"""What was trained is kept, whatever becomes of the scores, the figures and the tracking."""

import errno
import os

import pandas as pd
import pytest

from skinexp import compute
from skinexp.config import compose
from skinexp.core import invocation
from skinexp.core.errors import StageError, UserError
from skinexp.models.archive import load_metadata
from skinexp.runs.job import Job
from skinexp.runs.lookup import locate_run
from skinexp.runs.run_log import RunLog
from skinexp.runs.run_outputs import read_outputs
from skinexp.runs.run_summary import read_summary
from skinexp.sweep import jobs
from skinexp.training import Training
from skinexp.workflows import after_training, training
from skinexp.workflows.later_stages import LaterStages
from skinexp.workflows.training_steps import TrainingSteps

TINY = ["experiment=smoke", "data.phantom.images=60", "data.audit=off", "evaluate.resamples=200", "health.policy=off"]


def overflow(*args, **kwargs):
    raise OverflowError("math range error")


def no_training(classifier, batches, config, directory, on_epoch=None, watch=None) -> Training:
    """Leaves the network as it was built."""
    history = {"epoch": [1], "phase": ["all layers"], "seconds": [1.0], "lr": [0.1], "best": [True]}
    history |= {f"{part}/{name}": [0.5] for part in ("train", "val") for name in ("loss", "accuracy", "auc")}
    return Training(pd.DataFrame(history), 1, ("all layers",))


@pytest.fixture
def trained(tmp_path, tmp_path_factory):
    """Runs the workflow without its training, and returns the directory and the score or the error."""

    def run(*overrides):
        cache = tmp_path_factory.getbasetemp() / "later_stages_cache"
        config = compose([*TINY, f"data.cache={cache}", *overrides])
        config = compute.configure(config).resolve(config)
        with RunLog(tmp_path) as run_log:
            score = training.run(config, Job("tiny", (), tmp_path), run_log, TrainingSteps(fit=no_training))
        return tmp_path, score

    return run


def test_a_run_without_failures_names_none(trained):
    directory, score = trained("explain=none")
    summary = read_summary(directory)
    assert (summary.status, summary.failures, summary.incomplete) == ("finished", {}, "")
    assert summary.metrics["val/roc_auc"] == score
    assert load_metadata(directory / "model.keras")["threshold"] == summary.thresholds.chosen
    assert not [file.name for file in directory.iterdir() if ".part" in file.name or "unfinished" in file.name]


def test_figures_maps_statistics_and_tracking_that_fail_leave_the_scores(trained, monkeypatch):
    for name in ("explain", "training_statistics", "dataset_figures"):
        monkeypatch.setattr(after_training, name, overflow)
    monkeypatch.setattr(RunLog, "run_directory", overflow)
    directory, score = trained()
    summary = read_summary(directory)
    assert summary.status == "finished"
    assert list(summary.failures) == ["training statistics", "explanation", "figures", "tracking"]
    assert set(summary.failures.values()) == {"OverflowError: math range error"}
    assert summary.incomplete == (
        "failed: training statistics, explanation, figures, tracking (OverflowError: math range error)"
    )
    assert summary.metrics["val/roc_auc"] == score
    assert {file.stem for file in (directory / "figures").iterdir()} == {
        "curves",
        "roc",
        "precision_recall",
        "confusion",
    }
    assert locate_run(str(directory), None).threshold == summary.thresholds.chosen
    assert read_outputs(directory).predictions is not None
    resumed = Job("tiny", (), directory, resumed=True)
    assert jobs.finished(resumed) is None  # resume= repeats what failed


def test_a_run_without_scores_has_failed_and_keeps_its_network(trained, monkeypatch, tmp_path):
    monkeypatch.setattr(after_training, "evaluate", overflow)
    with pytest.raises(StageError, match="scores are missing; failed: evaluation"):
        trained("explain=none")
    summary = read_summary(tmp_path)
    assert summary.status == "failed"
    assert summary.failures == {"evaluation": "OverflowError: math range error"}
    assert (tmp_path / "predictions.parquet").is_file()
    assert (tmp_path / "figures" / "curves.png").is_file()
    assert locate_run(str(tmp_path), None).preprocess.size == 32
    assert pd.isna(jobs.score({"metrics": summary.metrics, "config": {"objective": "val/roc_auc"}}))


@pytest.mark.slow
def test_a_full_disk_is_one_sentence_and_leaves_no_half_file(trained, monkeypatch, tmp_path):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(after_training, "replace_metadata", full)
    monkeypatch.setattr(after_training.style, "save", full)
    with pytest.raises(
        StageError,
        match=r"could not be saved; failed: model, figures \(the disk is full\)\. To repeat",
    ):
        trained("explain=none")
    assert read_summary(tmp_path).metrics["test/roc_auc"] >= 0


def test_a_stop_from_outside_is_no_failure_of_a_stage(tmp_path):
    def stopped():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), RunLog(tmp_path) as run_log:
        LaterStages(run_log).attempt("figures", stopped)
    assert read_summary(tmp_path).status == "killed"


def test_the_sentence_of_a_missing_result_is_logged_without_the_name_of_a_type(tmp_path, caplog):
    codes = invocation.begin().exit_codes
    with invocation.log_failure(tmp_path / "train.log"):
        raise StageError("there are no scores. failed: evaluation (OverflowError: math range error)")
    assert caplog.messages[0] == (
        "there are no scores. failed: evaluation (OverflowError: math range error) (the traceback is in train.log)"
    )
    assert codes == [1]


def test_a_users_mistake_in_a_stage_keeps_its_sentence(tmp_path):
    def mistaken():
        raise UserError("explain.images: must be at most 64. Received: 65")

    with RunLog(tmp_path) as run_log:
        assert LaterStages(run_log).attempt("explanation", mistaken) is None
    assert read_summary(tmp_path).failures == {"explanation": "explain.images: must be at most 64. Received: 65"}
