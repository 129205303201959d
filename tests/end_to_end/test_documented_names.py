"""What the reference says of a run's files and of its names in MLflow is what a run leaves."""

import re
from pathlib import Path

import pytest

from skinexp.core import run_files
from skinexp.runs import written_files

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
SUFFIX = re.compile("_(youden|chosen|calibrated)$")
OWN_NAMES = ("audit/", "system/")  # one metric for each finding; MLflow's own


def documented(page: str) -> set[str]:
    """The words that a page sets as code."""
    return set(re.findall("`([^`\\n]+)`", (REFERENCE / page).read_text()))


def is_documented(metric: str, words: set[str]) -> bool:
    split, _, score = metric.partition("/")
    is_score = split in ("val", "test") and SUFFIX.sub("", score) in words
    return metric in words or is_score or metric.startswith(OWN_NAMES)


def test_each_name_of_a_file_is_documented():
    words = documented("files.md")
    names = [value for name, value in vars(run_files).items() if name.isupper()]
    assert len(names) > 15
    assert [name for name in names if not {name, f"{name}/"} & words] == [run_files.UPLOADER_LOG]  # in the outbox


@pytest.mark.parametrize("threshold", ["0.5", "youden", "chosen"])
def test_each_classification_report_is_written_and_documented(single, threshold):
    name = run_files.classification_report(threshold)
    assert (single.directory / name).is_file()
    assert name in documented("files.md")


def test_each_file_of_a_run_is_documented(single):
    words = documented("files.md")
    left = {f"{path.name}/" if path.is_dir() else path.name for path in single.directory.iterdir()}
    folders = {"evidence/", "figures/"}  # their files are documented one by one
    inside = {f"{name}{path.name}" for name in folders for path in (single.directory / name).iterdir()}
    assert sorted((left - folders | inside) - words) == []


def test_overwriting_a_run_or_a_sweep_would_remove_each_of_its_files(single, three):
    jobs = written_files.jobs_of(three.directory)
    assert len(jobs) == 3
    for directory in (single.directory, *jobs, three.directory):
        files = {file for file in directory.rglob("*") if file.is_file() and written_files.MODEL_COPY not in str(file)}
        of_jobs = {file for file in files for job in jobs if job in file.parents and job != directory}
        assert {file.name for file in files - of_jobs - set(written_files.find(directory))} == {run_files.LOCK}


def test_each_metric_of_a_run_is_documented(single):
    words = documented("mlflow.md")
    assert [name for name in sorted(single.run().data.metrics) if not is_documented(name, words)] == []


def test_each_tag_of_a_run_is_documented(single):
    words = documented("mlflow.md")
    tags = {tag for tag in single.run().data.tags if not tag.startswith("mlflow.")}
    assert tags - words == set()
