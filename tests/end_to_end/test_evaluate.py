"""Finished models on other images: the real command, real files, and a real MLflow store."""

import dataclasses
import json
import shutil
import subprocess
import sys
import typing
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skinexp.core.strict_json import to_strict_json
from skinexp.evaluation.decision.calibration import Calibrator
from skinexp.runs.run_summary import RunSummary
from tests.report.checklist.links import broken_links


@dataclass(frozen=True)
class Evaluated:
    """What an evaluation left, and what it printed."""

    directory: Path
    output: str

    @cached_property
    def result(self) -> dict:
        return json.loads((self.directory / "result.json").read_text())

    @property
    def predictions(self) -> pd.DataFrame:
        return pd.read_parquet(self.directory / "predictions.parquet")

    @property
    def sentences(self) -> str:
        return " ".join(self.result["sentences"])


Evaluate = Callable[..., Evaluated]


@pytest.fixture(scope="module")
def evaluate(tmp_path_factory) -> Evaluate:
    def evaluate(place: Path, arguments: str) -> Evaluated:
        output = tmp_path_factory.mktemp("evaluated") / "here"
        command = [sys.executable, "-m", "skinexp.evaluate", *arguments.split(), "--output", str(output)]
        ended = subprocess.run(command, cwd=place, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return Evaluated(output, ended.stdout)

    return evaluate


@pytest.fixture(scope="module")
def trained(twice):
    """A small network, in whose store nothing else is looked at."""
    return twice[1]


@pytest.fixture(scope="module")
def same(evaluate, trained) -> Evaluated:
    """On the images that it was made from; they are the seed's."""
    return evaluate(
        trained.place,
        f"{trained.directory} data=phantom data.phantom.images=80 data.phantom.size=48 evaluate.prevalence=0.02",
    )


@pytest.fixture(scope="module")
def benign(tmp_path_factory) -> Path:
    """A directory of white pictures, all of one class."""
    directory = tmp_path_factory.mktemp("images")
    (directory / "benign").mkdir()
    rng = np.random.default_rng(0)
    for number in range(24):
        pixels = rng.integers(230, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(directory / "benign" / f"{number}.png")
    return directory


@pytest.fixture(scope="module")
def white(evaluate, trained, benign) -> Evaluated:
    """By the id of its run, on pictures such as it never saw."""
    return evaluate(trained.place, f"{trained.result()['run_id']} data=folder data.path={benign}")


@pytest.fixture(scope="module")
def bare(evaluate, trained, benign, tmp_path_factory) -> Evaluated:
    """A run that was not tracked, whose model's file keeps nothing of the training images."""
    copy = tmp_path_factory.mktemp("copied") / "run"
    shutil.copytree(trained.directory, copy, ignore=shutil.ignore_patterns("outbox", "model.keras"))
    with zipfile.ZipFile(trained.directory / "model.keras") as old, zipfile.ZipFile(copy / "model.keras", "w") as new:
        for name in old.namelist():
            if not name.endswith(".npz"):
                new.writestr(name, old.read(name))
    return evaluate(copy.parent, f"{copy} data=folder data.path={benign}")


def test_the_same_images_have_the_same_logits(same, trained):
    before = trained.predictions().query("split == 'test'").set_index("image_id")["logit"]
    after = same.predictions.set_index("image_id")["logit"].loc[before.index]
    np.testing.assert_allclose(after, before, atol=1e-5)


def test_all_images_are_tested_and_those_of_training_are_counted(same, trained):
    assert len(same.predictions) == 80
    assert set(same.predictions["split"]) == {"test"}
    counts = trained.result()["data"]["counts"]
    known = sum(counts["train"].values()) + sum(counts["val"].values())
    assert same.result["shift"]["seen"] == known
    assert f"{known} of the 80 images were in training or validation" in same.output


def test_the_preprocessing_and_the_threshold_are_the_models(same, trained):
    assert same.result["config"]["data"]["preprocess"] == trained.result()["config"]["data"]["preprocess"]
    assert same.result["thresholds"]["chosen"] == pytest.approx(trained.result()["thresholds"]["chosen"])
    calibrated = Calibrator.from_dict(trained.result()["calibration"]).apply(same.predictions["logit"])
    at = calibrated >= same.result["thresholds"]["chosen"]
    assert same.result["metrics"]["test/accuracy_chosen"] == pytest.approx((at == same.predictions["label"]).mean())


def test_scores_are_also_of_the_stated_prevalence(same, white):
    assert same.result["config"]["evaluate"]["prevalence"] == 0.02
    assert "test/ppv_at_prevalence" in same.result["metrics"]
    assert "test/ppv_at_prevalence" not in white.result["metrics"]


def test_an_evaluation_leaves_its_figures_and_its_reports(same):
    assert {file.stem for file in (same.directory / "figures").iterdir()} == {"roc", "precision_recall", "confusion"}
    assert len(list(same.directory.glob("classification_report_*.csv"))) == 2
    assert "the run's own" in same.output
    assert f"Predictions, figures and result.json: {same.directory}" in same.output


def test_it_is_a_run_below_the_one_whose_model_it_is(same, trained):
    run_id = trained.result()["run_id"]
    child = trained.client.get_run(same.result["run_id"])
    assert child.info.experiment_id == trained.run().info.experiment_id
    assert child.info.status == "FINISHED"
    assert child.data.tags["mlflow.parentRunId"] == child.data.tags["evaluates"] == run_id
    assert child.data.tags["data_digest"] == same.result["data_digest"]
    assert child.data.metrics["test/accuracy"] == pytest.approx(same.result["metrics"]["test/accuracy"])
    assert {"predictions.parquet", "result.json", "figures"} <= trained.artifacts(child)


def test_images_of_one_class_have_the_scores_that_exist_and_a_reason_for_the_others(white):
    metrics = white.result["metrics"]
    assert metrics["test/roc_auc"] is None
    assert metrics["test/specificity"] is not None
    assert "All images are benign: without images of the other class" in white.output


def test_images_such_as_it_never_saw_are_told_to_be_far(white):
    shift = white.result["shift"]
    assert shift["is_shift"]
    assert shift["far"] > 0.5
    assert "scores may not carry over" in white.output
    assert "They are brighter" in white.output


def test_a_model_is_found_by_the_id_of_its_run(white, trained):
    assert white.result["evaluates"]["run_id"] == trained.result()["run_id"]
    child = trained.client.get_run(white.result["run_id"])
    assert child.data.tags["mlflow.parentRunId"] == trained.result()["run_id"]


@pytest.mark.slow
def test_the_evaluated_run_is_still_compared_as_itself(white, trained, tmp_path):
    command = [sys.executable, "-m", "skinexp.compare", trained.result()["run_id"], "--output", str(tmp_path)]
    subprocess.run(command, cwd=trained.place, check=True, capture_output=True)
    assert pd.read_csv(tmp_path / "comparison.csv")["run_id"].tolist() == [trained.result()["run_id"]]


@pytest.mark.slow
def test_a_model_of_an_earlier_version_is_tested_and_says_what_is_missing(bare, white):
    np.testing.assert_allclose(bare.predictions["logit"], white.predictions["logit"], atol=1e-5)
    assert bare.result["shift"] is None
    assert "the model's file holds no statistics of those" in bare.output


def test_a_run_that_was_not_tracked_is_not_tracked_here(bare):
    assert bare.result["run_id"] is None
    assert not (bare.directory / "outbox").exists()
    assert "the run itself was not tracked" in bare.output


@pytest.mark.slow
def test_photographs_have_the_same_logits_in_their_own_directory(folder, evaluate, isic9):
    after = evaluate(folder.place, f"{folder.directory} data=folder data.path={isic9} data.limit=120").predictions
    before = folder.predictions().query("split == 'test'").set_index("image_id")["logit"]
    np.testing.assert_allclose(after.set_index("image_id")["logit"].loc[before.index], before, atol=1e-5)
    assert "age" in after


def test_each_field_of_a_summary_is_written_by_a_training_or_an_evaluation(trained, three, broken, same):
    results = [trained.result(), three.result("0"), broken.result("0"), same.result]
    written = {key for result in results for key, value in result.items() if value not in (None, [], {})}
    assert written == {item.name for item in dataclasses.fields(RunSummary)} - {"failures"}  # of a run that lacks some
    for section in ("data", "compute", "audit", "model", "thresholds", "health", "evaluates", "shift", "git"):
        names = {item.name for item in dataclasses.fields(_kind(section))}
        assert {key for result in results for key in result.get(section) or ()} == names, section


def test_what_a_run_writes_reads_and_writes_back_the_same(trained, three, broken, same):
    for result in (trained.result(), three.result("1"), broken.result("0"), same.result):
        assert to_strict_json(RunSummary.from_dict(result).to_dict()) == result


def test_an_evaluation_has_a_data_card_and_a_checklist_that_points_to_what_is_there(same):
    card = json.loads((same.directory / "data_card.json").read_text())
    assert [step["images"] for step in card["flow"]] == [80, 80]
    assert "An evaluation makes no audit." in (same.directory / "data_card.md").read_text()
    assert broken_links(same.directory) == []
    assert "`shift`: distance of these images from the training images" in (same.directory / "checklist.md").read_text()


@pytest.mark.slow
def test_several_sets_have_a_row_and_an_evaluation_each(evaluate, trained):
    images = "data=phantom data.phantom.images=60 data.phantom.size=48"
    found = evaluate(trained.place, f"{trained.directory} -m {images} seed=5,6 --pool")
    table = pd.read_csv(found.directory / "external_sets.csv")
    assert table["images"].tolist() == [60, 60]
    for number, area in enumerate(table["roc_auc"]):
        result = json.loads((found.directory / str(number) / "result.json").read_text())
        assert result["metrics"]["test/roc_auc"] == pytest.approx(area)
        child = trained.client.get_run(result["run_id"])
        assert child.data.tags["mlflow.parentRunId"] == trained.result()["run_id"]
    assert "Cochran's Q = " in found.output
    assert "Random-effects mean" in found.output


def _kind(section: str) -> type:
    """The dataclass of a section of a summary."""
    hint = typing.get_type_hints(RunSummary)[section]
    return next(kind for kind in (*typing.get_args(hint), hint) if dataclasses.is_dataclass(kind))
