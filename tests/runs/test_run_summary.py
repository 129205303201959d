"""A run's summary: what is written reads back the same, whatever version wrote it."""

import dataclasses
import json
import math

import pytest

from skinexp.runs.health_summary import HealthSummary
from skinexp.runs.provenance import GitState
from skinexp.runs.run_summary import ComputeSummary, DataSummary, RunSummary, ThresholdSummary, read_summary

LEFT_OPEN = {"backend": "Of the three, TensorFlow trains fastest on a CPU.", "threads": "All cores."}


def test_what_a_run_reports_reads_back_the_same():
    summary = RunSummary(
        status="finished",
        name="seed=1",
        overrides=("seed=1",),
        seconds={"total": 1.5},
        git=GitState(None, None),
        config={"seed": 1, "data": {"split": {"folds": 5, "fold": 2}}},
        data=DataSummary("phantom", 80, 80, {"test": {"benign": 6, "malignant": 6}}, truth={"bayes_auc": 1.0}),
        metrics={"test/roc_auc": 0.5},
        thresholds=ThresholdSummary(0.5, 0.4, 0.3),
        health=HealthSummary("ok"),
        phases=("head", "fine_tune"),
    )
    assert RunSummary.from_dict(json.loads(json.dumps(summary.to_dict()))) == summary


def test_what_a_run_does_not_report_is_not_written():
    always = {"status", "error", "overrides", "seconds", "run_id", "experiment_id", "parent_run_id"}
    assert set(RunSummary().to_dict()) == always
    assert "truth" not in RunSummary(data=DataSummary("isic9")).to_dict()["data"]
    assert "youden" not in RunSummary(thresholds=ThresholdSummary(half=0.5)).to_dict()["thresholds"]


def test_an_evaluation_that_could_measure_no_shift_says_so():
    tested = RunSummary.from_dict({"evaluates": {"run_id": None, "name": "seed=1", "run": "outputs/1"}})
    assert tested.to_dict()["shift"] is None


def test_an_undefined_score_is_no_number():
    summary = RunSummary.from_dict({"metrics": {"test/precision": None, "test/recall": 1}})
    assert math.isnan(summary.metric("test/precision"))
    assert math.isnan(summary.metric("test/unheard_of"))
    assert summary.metric("test/recall") == 1.0


@pytest.mark.parametrize(
    "values", [{}, {"data": None, "metrics": None, "git": None}, {"health": "mauve", "metrics": []}]
)
def test_a_file_of_another_version_is_read_as_far_as_it_goes(values):
    summary = RunSummary.from_dict(values | {"a_key_of_another_version": 1})
    assert summary == RunSummary.from_dict({})
    assert (summary.data, summary.metrics, summary.git, summary.health) == (None, {}, None, None)


def test_a_verdict_that_no_doctor_knows_is_none():
    assert RunSummary.from_dict({"health": {"verdict": "mauve"}}).health is None


def test_an_option_is_found_by_its_full_key():
    summary = RunSummary(config={"seed": 3, "data": {"split": {"folds": 5, "fold": 0}}})
    assert summary.setting("data.split.folds") == summary.folds == 5
    assert (summary.seed, summary.fold) == (3, 0)
    assert summary.setting("data.split.folds.deeper") is summary.setting("model.name") is None


def test_a_run_without_folds_is_no_fold():
    assert RunSummary(config={"data": {"split": {"folds": 0, "fold": 0}}}).fold is None


def test_equal_commands_requested_the_same_whatever_machine_chose_for_them():
    options = {"backend": "tensorflow", "precision": "float32", "threads": 2, "deterministic": True}
    chosen = ComputeSummary("tensorflow", threads=2, reasons=LEFT_OPEN)
    here = RunSummary(config={"seed": 0, "compute": options}, compute=chosen)
    there = dataclasses.replace(here, config={"seed": 0, "compute": options | {"threads": 64}})
    assert here.requested_config == there.requested_config
    assert here.requested_config["compute"] == options | {"backend": "auto", "threads": None}


def test_a_directory_without_a_run_has_no_summary(tmp_path):
    assert read_summary(tmp_path) is None
