"""One run: what it leaves on the disk, on the terminal and in MLflow."""

import json
import re

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.special import expit
from sklearn.metrics import accuracy_score, roc_auc_score

from skinexp.core.python_command import python_command
from skinexp.models.archive import load_metadata
from skinexp.runs import tracked_facts
from skinexp.runs.run_summary import RunSummary
from skinexp.tracking.flat import flatten
from tests.commands import refusal

FIGURES = {"curves", "roc", "precision_recall", "confusion", "preprocessing", "augmentation", "gradcam"}
FILES = {"result.json", "predictions.parquet", "model.keras", "history.csv", "train.log", "packages.txt"}
STRANGERS = ("WARNING", "oneDNN", "I0000", "mlflow.", "alembic", "absl", "View run", "Traceback")  # other libraries


@pytest.fixture(scope="module")
def tested(single) -> pd.DataFrame:
    predictions = single.predictions()
    return predictions[predictions["split"] == "test"]


def test_the_command_succeeds(single):
    assert single.code == 0


@pytest.mark.parametrize("words", STRANGERS)
def test_no_other_library_speaks_on_the_terminal(single, words):
    assert words not in re.sub("sqlite:///mlflow.db", "", single.output)


def test_the_terminal_tells_the_story_and_where_to_look(single):
    for words in ("Data      phantom: 80 images", "Prepared  80 images at 32 px", "Training  all layers", "best epoch"):
        assert words in single.output
    assert f"Figures, model and predictions: {single.directory.relative_to(single.place)}" in single.output
    assert single.output.splitlines()[-1] == f"MLflow UI: {python_command()} -m skinexp.ui"


def test_the_run_directory_holds_all_that_a_reader_needs(single):
    assert {file.name for file in single.directory.iterdir()} >= FILES
    assert {file.stem for file in (single.directory / "figures").glob("*.png")} == FIGURES
    assert (single.directory / ".hydra" / "overrides.yaml").read_text() == "- experiment=smoke\n"


def test_a_second_run_or_sweep_in_a_used_directory_is_refused_and_changes_nothing(single, three):
    before = {file: file.stat().st_mtime_ns for file in three.directory.rglob("*") if file.name != ".run.lock"}
    used = (
        (single.directory, f"hydra.run.dir={single.directory}"),
        (three.directory, f"-m hydra.sweep.dir={three.directory}"),
    )
    for directory, words in used:
        line = refusal("skinexp.train", f"experiment=smoke seed=5 {words}", single.place)
        assert f"{directory.relative_to(directory.parents[2])} already holds a " in line
        assert "(finished)" in line
    assert before == {file: file.stat().st_mtime_ns for file in before}
    assert single.result()["config"]["seed"] == 0


def test_tensorboard_has_curves_of_both_parts_and_histograms(single):
    for part in ("train", "validation"):
        (events,) = (single.directory / "tensorboard" / part).glob("events*")
        assert events.stat().st_size > 0
    (events,) = (single.directory / "tensorboard" / "train").glob("events*")
    assert b"logit/kernel/histogram" in events.read_bytes()


def test_without_tensorboard_there_are_no_such_files(three):
    assert not list(three.directory.rglob("tensorboard"))


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_each_figure_is_a_picture_with_something_on_it(single, name):
    with Image.open(single.directory / "figures" / f"{name}.png") as picture:
        pixels = np.asarray(picture.convert("L"))
    assert min(pixels.shape) > 200
    assert pixels.std() > 10


def test_the_result_is_strict_json_and_finished(single):
    text = (single.directory / "result.json").read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    result = json.loads(text)
    assert (result["status"], result["error"]) == ("finished", None)
    assert result["command"] == "python -m skinexp.train experiment=smoke"
    assert set(result["seconds"]) >= {"data", "prepare", "build", "training", "evaluation", "figures", "total"}


def test_the_result_counts_the_images_of_each_part(single):
    frame = single.predictions()
    counts = single.result()["data"]["counts"]
    for split in ("val", "test"):
        part = frame[frame["split"] == split]["label"]
        assert counts[split] == {"benign": int((part == 0).sum()), "malignant": int((part == 1).sum())}
    assert sum(sum(part.values()) for part in counts.values()) == single.result()["data"]["images"] == 80


def test_probabilities_are_those_of_the_logits(single):
    predictions = single.predictions()
    np.testing.assert_allclose(predictions["probability"], expit(predictions["logit"]), rtol=1e-6)


def test_the_scores_are_those_of_the_predictions(single, tested):
    metrics = single.result()["metrics"]
    assert metrics["test/roc_auc"] == pytest.approx(roc_auc_score(tested["label"], tested["logit"]))
    assert metrics["test/accuracy"] == pytest.approx(accuracy_score(tested["label"], tested["probability"] >= 0.5))


def test_the_history_is_one_row_an_epoch_with_the_best_one_marked(single):
    history = pd.read_csv(single.directory / "history.csv")
    assert history["epoch"].tolist() == [1, 2]
    monitor = single.result()["config"]["optim"]["monitor"]
    monitored = history[monitor.replace("val_", "val/")]
    best = (monitored.idxmin() if monitor == "val_loss" else monitored.idxmax()) + 1
    assert history.loc[history["best"], "epoch"].tolist() == [best] == [single.result()["best_epoch"]]


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")  # Keras on NumPy 2
def test_the_saved_model_gives_the_logits_of_the_run_on_the_prepared_images(single, tested):
    network = keras.models.load_model(single.directory / "model.keras")
    (images,) = (single.place / ".cache" / "prepared").glob("*/images.npy")
    rows = tested["image_id"].str.removeprefix("phantom-").astype(int)
    logits = network.predict(np.load(images)[rows], verbose=0)[:, 0]
    np.testing.assert_allclose(logits, tested["logit"], atol=1e-5)


def test_the_saved_model_says_how_images_are_prepared_for_it(single):
    metadata = load_metadata(single.directory / "model.keras")
    assert metadata["preprocess"] == single.result()["config"]["data"]["preprocess"]
    assert metadata["threshold"] == pytest.approx(single.result()["thresholds"]["chosen"])
    assert metadata["calibration"] == single.result()["calibration"]
    assert metadata["classes"] == ["benign", "malignant"]


def test_the_log_holds_the_story_too(single):
    log = (single.directory / "train.log").read_text()
    assert "INFO skinexp.data.preparation.image_cache: Prepared  80 images at 32 px" in log


def test_the_same_command_gives_the_same_logits_bit_by_bit(twice):
    first, second = (run.predictions()["logit"].to_numpy() for run in twice)
    np.testing.assert_array_equal(first, second)
    assert np.unique(first).size > 1


def test_the_same_command_gives_the_same_history_and_digests(twice):
    first, second = (pd.read_csv(run.directory / "history.csv").drop(columns="seconds") for run in twice)
    pd.testing.assert_frame_equal(first, second)
    for digest in ("config_digest", "data_digest", "test_digest"):
        assert twice[0].result()[digest] == twice[1].result()[digest]


def test_the_configuration_is_in_result_json_as_it_was_used_and_as_mlflow_has_it(single):
    config, compute = single.result()["config"], single.result()["compute"]
    assert single.run().data.params == {key: str(value) for key, value in flatten(config).items()}
    assert {key: compute[key] for key in config["compute"] if key in compute}.items() <= config["compute"].items()
    assert config["compute"]["backend"] != "auto"


def test_mlflow_has_the_scores_status_and_tags_that_result_json_has(single):
    result, run = single.result(), single.run()
    summary = RunSummary.from_dict(result)
    expected = tracked_facts.metrics(summary)
    assert {name: value for name, value in result["metrics"].items() if value is not None}.items() <= expected.items()
    assert {name: run.data.metrics[name] for name in expected} == pytest.approx(expected)
    epochs = {"train", "val", "health", "system"}  # of curves, which history.csv and health.json hold
    assert {name for name in set(run.data.metrics) - set(expected) if name.split("/")[0] not in epochs} == set()
    tags = tracked_facts.tags(summary)
    assert set(tags) == {"model", "data_digest", "audit", "git_sha", "git_dirty", "health", "health_cause"}
    assert {name: run.data.tags[name] for name in tags} == {name: str(value) for name, value in tags.items()}
    assert (run.info.status.lower(), run.info.run_id) == (result["status"], result["run_id"])
    assert run.info.run_name == result["name"]


def test_a_job_of_a_sweep_computes_what_the_single_run_does(single, three, broken):
    expected = single.predictions()
    pd.testing.assert_frame_equal(three.predictions("0"), expected)
    pd.testing.assert_frame_equal(broken.predictions("1"), expected)  # also after a job that failed


def test_a_single_run_is_tracked_as_a_child_of_a_sweep_is(single, three):
    alone, child = single.run(), three.run("0")
    assert alone.info.status == child.info.status == "FINISHED"
    # A load of the machine is measured as often as a run is long.
    scores = [{name for name in run.data.metrics if not name.startswith("system/")} for run in (alone, child)]
    assert scores[0] == scores[1] > {"train/loss", "val/loss", "val/roc_auc", "test/roc_auc"}
    assert set(alone.data.params) == set(child.data.params)
    assert set(child.data.tags) - set(alone.data.tags) == {"mlflow.parentRunId", "sweep"}
    assert single.artifacts(alone) == three.artifacts(child)
    assert len(alone.inputs.dataset_inputs) == len(child.inputs.dataset_inputs) == 3
    assert len(alone.outputs.model_outputs) == len(child.outputs.model_outputs) == 1
