"""Sweeps: over three models, over one that fails, and stopped from outside."""

import json
import re

import pandas as pd
import pytest

from skinexp.core.python_command import python_command

MODELS = ("scratch", "mobilenet", "efficientnet")
JOBS = ("0", "1", "2")
COMMAND = "experiment=smoke tracking.tensorboard=false model=scratch,mobilenet,efficientnet"
STRANGERS = ("WARNING", "oneDNN", "I0000", "mlflow.", "alembic", "absl", "View run")


@pytest.mark.parametrize("words", STRANGERS)
def test_no_other_library_speaks_on_the_terminal(three, broken, stopped, words):
    for command in (three, broken, stopped):
        assert words not in re.sub("sqlite:///mlflow.db", "", command.output)


def test_three_models_are_trained_by_one_command(three):
    assert three.code == 0
    assert three.sweep["status"] == "finished"
    assert [three.result(job)["model"]["name"] for job in JOBS] == list(MODELS)


def test_the_sweep_says_what_became_of_each_job(three):
    assert three.sweep["varied"] == ["model"]
    assert three.sweep["command"] == f"python -m skinexp.train -m {COMMAND}"
    for job, model, entry in zip(JOBS, MODELS, three.sweep["jobs"], strict=True):
        assert (entry["directory"], entry["name"], entry["status"]) == (job, f"model={model}", "finished")
        assert entry["overrides"] == ["experiment=smoke", "tracking.tensorboard=False", f"model={model}"]
        assert entry["run_id"] == three.result(job)["run_id"]


def test_children_stand_under_the_parent_and_are_named_by_what_varies(three):
    for job, model in zip(JOBS, MODELS, strict=True):
        child = three.run(job)
        assert (child.info.run_name, child.info.status) == (f"model={model}", "FINISHED")
        assert child.data.tags["mlflow.parentRunId"] == three.parent.info.run_id
        assert child.data.tags["model"] == model
        assert child.data.tags["sweep"] == three.directory.name


def test_the_store_holds_the_parent_and_its_children_alone(three):
    experiment = three.client.get_experiment_by_name("skinexp")
    runs = three.client.search_runs([experiment.experiment_id])
    assert len(runs) == 4
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_the_parent_holds_the_comparison_and_the_scores_of_the_best_on_validation(three):
    parent = three.parent
    assert (parent.info.status, parent.info.run_name) == ("FINISHED", COMMAND)
    tables = {f"comparison{of}.csv" for of in ("", "_scores", "_pairs", "_differences")}
    assert three.artifacts(parent) == {"comparison.html", "comparison.json", "checklist.md", "sweep.json"} | tables
    children = [three.run(job).data.metrics for job in JOBS]
    best = max(children, key=lambda metrics: metrics["val/roc_auc"])
    assert parent.data.metrics
    assert parent.data.metrics == {name: best[name] for name in parent.data.metrics}


def test_the_parent_says_which_code_it_came_from(three):
    tags, child = three.parent.data.tags, three.run("0").data.tags
    assert (tags["git_sha"], tags["sweep"]) == (child["git_sha"], child["sweep"])


def test_the_sweep_on_the_parent_is_the_finished_one(three, tmp_path):
    copy = three.client.download_artifacts(three.parent.info.run_id, "sweep.json", str(tmp_path))
    with open(copy) as file:
        assert json.load(file) == three.sweep


def test_the_comparison_has_a_row_a_model_with_its_scores(three):
    table = pd.read_csv(three.directory / "comparison.csv")
    assert table["name"].tolist() == [f"model={model}" for model in MODELS]
    for job, (_, row) in zip(JOBS, table.iterrows(), strict=True):
        assert row["test/roc_auc"] == pytest.approx(three.result(job)["metrics"]["test/roc_auc"])
    rows = json.loads((three.directory / "comparison.json").read_text())["runs"]
    assert [row["name"] for row in rows] == table["name"].tolist()


def test_the_comparison_page_needs_nothing_else(three):
    page = (three.directory / "comparison.html").read_text()
    for model in MODELS:
        assert f"model={model}" in page
    assert not re.search(r"""(src|href)=["']https?:""", page)


def test_the_terminal_ends_with_the_scores_and_where_to_look(three):
    lines = three.output.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("Test scores"))
    for model in MODELS:
        assert any(re.match(rf"\s*model={model}\s+(\w+\s+)?[01]\.\d\d\d", line) for line in lines[start:])
    page = (three.directory / "comparison.html").relative_to(three.place)
    assert f"Comparison page: {page}" in lines[start:]


def test_all_jobs_share_prepared_images_and_the_test_part(three):
    assert len(list((three.place / ".cache" / "prepared").iterdir())) == 1
    assert len({three.result(job)["test_digest"] for job in JOBS}) == 1


def test_a_failed_job_does_not_stop_the_others(broken):
    assert broken.code == 1
    assert [(job["name"], job["status"]) for job in broken.sweep["jobs"]] == [
        ("optim.lr=1e+30", "failed"),  # as Hydra writes it
        ("optim.lr=0.001", "finished"),
    ]
    assert [broken.run(job).info.status for job in ("0", "1")] == ["FAILED", "FINISHED"]


def test_a_sweep_with_a_failed_job_has_failed_and_is_compared_all_the_same(broken):
    assert broken.sweep["status"] == "failed"
    assert broken.parent.info.status == "FAILED"
    assert "comparison.html" in broken.artifacts(broken.parent)
    assert broken.parent.data.metrics["val/roc_auc"] == broken.run("1").data.metrics["val/roc_auc"]


def test_the_traceback_of_a_failed_job_is_in_its_log_and_on_its_run(broken, tmp_path):
    log = (broken.directory / "0" / "train.log").read_text()
    copy = broken.client.download_artifacts(broken.run("0").info.run_id, "traceback.txt", str(tmp_path))
    with open(copy) as file:
        kept = file.read()
    for text in (log, kept):
        assert "Traceback (most recent call last)" in text
        assert "NonFiniteLoss: The loss became nan" in text
    assert "Traceback" not in (broken.directory / "1" / "train.log").read_text()


def test_the_traceback_of_a_failed_job_ends_the_output(broken, three):
    _, _, end = broken.output.partition("Test scores")
    assert end.count("Traceback (most recent call last)") == 1
    assert "Traceback" not in three.output


def test_the_terminal_says_of_a_failed_job_what_to_do(broken):
    (line,) = [line for line in broken.output.splitlines() if line.startswith("NonFiniteLoss")]
    assert "Lower optim.lr" in line
    assert "the traceback is in train.log" in line


def test_a_failed_run_says_so_in_its_result_also_on_mlflow(broken, tmp_path):
    assert broken.result("0")["status"] == "failed"
    assert broken.result("0")["error"].startswith("NonFiniteLoss")
    copy = broken.client.download_artifacts(broken.run("0").info.run_id, "result.json", str(tmp_path))
    with open(copy) as file:
        assert json.load(file) == broken.result("0")


def test_a_stopped_sweep_and_its_job_are_killed_everywhere(stopped):
    assert stopped.code == 130
    assert stopped.sweep["status"] == "killed"
    assert [(job["name"], job["status"]) for job in stopped.sweep["jobs"]] == [("seed=0", "killed")]
    assert stopped.parent.info.status == "KILLED"
    assert stopped.run("0").info.status == "KILLED"
    assert stopped.result("0")["status"] == "killed"


def test_a_stopped_sweep_keeps_the_epochs_that_it_had(stopped):
    epochs = stopped.client.get_metric_history(stopped.run("0").info.run_id, "val/loss")
    assert [point.step for point in epochs] == list(range(1, len(epochs) + 1))
    assert len(epochs) >= 2


def test_a_stopped_sweep_says_how_to_go_on(stopped):
    place = stopped.directory.relative_to(stopped.place)
    how = f"{python_command()} -m skinexp.train -m resume={place}"
    assert stopped.output.splitlines()[-1] == f"Stopped. To resume: {how}"
