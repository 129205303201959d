"""Each script at a tiny size: that it runs from one end to the other, and what it leaves. Figures mean nothing here."""

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import measure
import pandas as pd
import photographs
import pytest
from PIL import Image
from whole_job import Outcome, images_as_split

SCRIPTS = Path(measure.__file__).parent


def run(script: str, arguments: str, results: Path) -> subprocess.CompletedProcess[str]:
    """Runs a script in a directory of its own, where its results go too."""
    command = [sys.executable, str(SCRIPTS / f"{script}.py"), *arguments.split()]
    environment = os.environ | {"BENCHMARK_RESULTS": str(results)}
    return subprocess.run(command, cwd=results, env=environment, capture_output=True, text=True)


def kept(script: str, arguments: str, results: Path) -> dict:
    """What a script leaves in its results."""
    ended = run(script, arguments, results)
    assert ended.returncode == 0, ended.stderr[-2000:]
    return json.loads((results / f"{script}.json").read_text())


def page_with_table(place: Path, mark: str) -> Path:
    """A page with an old table between the marks of a script."""
    page = place / "page.md"
    page.write_text(f"before\n<!-- {mark}: begin -->\nold\n<!-- {mark}: end -->\nafter\n")
    return page


def new_table(page: Path, mark: str) -> str:
    """What stands between the marks now; the rest of the page is as it was."""
    before, _, rest = page.read_text().partition(f"<!-- {mark}: begin -->\n")
    table, _, after = rest.partition(f"<!-- {mark}: end -->\n")
    assert (before, after) == ("before\n", "after\n")
    assert "old" not in table.split()
    return table


def names(result: dict) -> list[str]:
    return [row["name"] for row in result["rows"]]


@pytest.mark.skipif(measure.gpu_name() is not None, reason="there is a GPU here")
def test_the_gpu_study_measures_nothing_without_a_gpu(tmp_path):
    ended = run("gpu_study", "", tmp_path)
    assert ended.returncode == 1
    assert "No GPU here, so nothing was measured" in ended.stderr
    assert not list(tmp_path.iterdir())


def test_drawn_photographs_are_a_folder_with_its_manifest(tmp_path):
    photographs.draw(tmp_path, count=3, size=48)
    manifest = pd.read_csv(tmp_path / "manifest.csv")
    assert [(tmp_path / file).stat().st_size > 0 for file in manifest["file"]] == [True] * 3
    assert set(manifest["label"]) <= {"benign", "malignant"}


@pytest.mark.slow
def test_the_input_pipeline_is_measured_beside_its_peers(tmp_path):
    tiny = "--photographs 40 --pixels 64 --epoch 64 --augmented 32 --seeds-epoch 16 --size 32 --batch-sizes 8 --runs 1"
    result = kept("input_pipeline", tiny, tmp_path)
    peers = {"memcpy", "skinexp", "skinexp, augmented", "datasets.to_tf_dataset", "the seed study's pipeline"}
    assert {f"{name}, batches of 8" for name in peers} <= set(names(result))
    assert [goal["asked"] for goal in result["goals"]] == ["0.5 times memcpy", "10 times the seed study's pipeline"]


@pytest.mark.slow
def test_augmentation_is_measured_beside_keras_layers(tmp_path):
    result = kept("augmentation", "--size 32 --batch-size 4 --runs 2", tmp_path)
    assert names(result) == ["skinexp's Augmentation", "the same with TensorFlow's kernel", "Keras' five layers"]
    assert [goal["asked"] for goal in result["goals"]] == ["3 times Keras' five layers"]


@pytest.mark.slow
def test_the_head_phase_is_measured_with_and_without_cached_features(tmp_path):
    result = kept("head_phase", "--photographs 60 --size 32 --epochs 2", tmp_path)
    assert names(result) == ["mobilenet, through the backbone", "mobilenet, on cached features"]


@pytest.mark.slow
def test_comparing_is_measured_with_and_without_its_figures(tmp_path):
    result = kept("compare", "--count 3 --images 40 --runs 1", tmp_path)
    assert names(result)[:2] == ["with its figures", "without figures"]
    assert [goal["asked"] for goal in result["goals"]] == ["at most 5 s"]


@pytest.mark.slow
def test_tracking_and_checkpoints_are_measured_beside_a_training_that_writes_nothing(tmp_path):
    result = kept("overhead", "--photographs 60 --size 32 --epochs 2 --runs 1", tmp_path)
    assert names(result) == ["nothing written", "tracked, with checkpoints"]
    assert [goal["asked"] for goal in result["goals"]] == ["at most 3 % of the training time"]


@pytest.mark.slow
def test_histograms_are_measured_beside_keras_own(tmp_path):
    result = kept("histograms", "--models mobilenet --runs 1", tmp_path)
    assert names(result) == ["mobilenet, skinexp", "mobilenet, Keras' callback"]
    assert [goal["asked"] for goal in result["goals"]] == ["5 times mobilenet, Keras' callback"]


@pytest.mark.slow
def test_a_whole_job_is_told_together_with_those_of_an_earlier_call(tmp_path):
    both = ("plain Keras script", "skinexp")
    known = [Outcome("scratch", 0, 0.02, name, seconds=10.0, memory=500.0, auc=0.8, auc_error=0.1) for name in both]
    settings = {"images": "60 phantoms", "weights": "random", "size": 32}
    earlier = {"machine": measure.machine(), "facts": {"settings": settings, "jobs": list(map(asdict, known))}}
    (tmp_path / "whole_job.json").write_text(json.dumps(earlier))
    result = kept("whole_job", "--photographs 60 --size 32 --share 0.02 --models mobilenet", tmp_path)
    some = "2% of the epochs"
    assert names(result) == [f"{model}, {some}, {name}" for model in ("scratch", "mobilenet") for name in both]
    asked = [goal["asked"] for goal in result["goals"]]
    assert asked[0] == f"1.2 times scratch, {some}, plain Keras script"
    assert asked[2:] == [f"5 times mobilenet, {some}, plain Keras script"]  # random features: no AUC is asked for


def test_the_plain_script_is_given_the_split_of_the_other_job(tmp_path):
    images = photographs.draw(tmp_path, count=40, size=48)
    files = pd.read_csv(images / "manifest.csv")["file"]
    predicted = pd.DataFrame({"image_id": [Path(file).stem for file in files[:2]], "split": ["test", "val"]})
    given = images_as_split(images, predicted, seed=0).set_index("file")["split"]
    assert given[files].tolist() == ["test", "val"] + 38 * ["train"]


@pytest.mark.slow
def test_the_plain_script_leaves_what_a_user_would_look_at(tmp_path):
    images = photographs.draw(tmp_path / "images", count=60, size=48)
    ended = run(
        "plain_keras", f"--images {images} --model scratch --size 32 --epochs 2 --out {tmp_path / 'out'}", tmp_path
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert set(json.loads(ended.stdout.splitlines()[-1])) == {"seconds", "auc", "accuracy", "precision", "recall", "f1"}
    figures = {"augmentation.png", "confusion.png", "curves.png", "gradcam.png", "roc.png"}
    assert figures <= {file.name for file in (tmp_path / "out").iterdir()}
    assert len(pd.read_csv(tmp_path / "out" / "predictions.csv")) == 9


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is an extra")
def test_the_gpu_study_runs_small_anywhere_and_says_that_it_measured_nothing(tmp_path):
    ended = run("gpu_study", "--small --models scratch", tmp_path)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert "No GPU figure was measured" in ended.stdout
    assert "times the bandwidth floor" in ended.stdout
    assert not list(tmp_path.glob("*.json"))


@pytest.mark.slow
def test_the_bootstrap_is_measured_beside_a_loop(tmp_path):
    result = kept("bootstrap", "--images 400 --resamples 30 --runs 1", tmp_path)
    assert names(result) == ["skinexp's bootstrap", "a loop over scikit-learn", "evidence of 2,500 test images"]
    assert [goal["asked"] for goal in result["goals"]] == ["at most 5 s", "less than 2 s"]


@pytest.mark.slow
def test_coverage_of_intervals_is_counted_and_written_between_its_marks(tmp_path):
    page = page_with_table(tmp_path, "coverage")
    kept("interval_coverage", f"--studies 2 --resamples 20 --very-large 3000 --docs {page}", tmp_path)
    assert "| bootstrap | `roc_auc` |" in new_table(page, "coverage")


@pytest.mark.slow
def test_drawing_phantoms_is_measured_by_size(tmp_path):
    result = kept("phantoms", "--sizes 32 --count 4 --runs 1", tmp_path)
    assert [name.split(",")[0] for name in names(result)] == ["128 px", "32 px", "128 px"]
    assert [goal["asked"] for goal in result["goals"]] == ["100 images a second"]


@pytest.mark.slow
def test_preprocessing_is_measured_on_phantoms_and_written_between_its_marks(tmp_path):
    page = page_with_table(tmp_path, "preprocessing")
    result = kept("preprocessing", f"--phantoms 12 --docs {page}", tmp_path)
    table = new_table(page, "preprocessing")
    assert "| 224 px | **default** |" in table
    assert "| default, oval |" in table
    assert set(result["facts"]["hair"]["224 px, **default**"]) >= {"recall", "precision", "hairy", "bald"}


@pytest.mark.slow
def test_a_sheet_shows_as_many_phantoms_as_are_asked_for(tmp_path):
    ended = run("contact_sheet", f"--cells 12 --out {tmp_path / 'sheet.png'} data.phantom.hair=1", tmp_path)
    assert ended.returncode == 0, ended.stderr[-2000:]
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (11 * 132 - 4, 2 * 132 - 4)


@pytest.mark.slow
def test_the_duplicate_search_is_measured_by_size_of_the_set(tmp_path):
    result = kept("duplicates", "--images 400 900 --phantoms 40", tmp_path)
    assert names(result)[:2] == ["search, 400 images", "search, 900 images"]
    assert [each["proposed"] for each in result["facts"]["found"].values()] == [1.0, 1.0]
    assert result["goals"][0]["what"].startswith("Duplicate search among 900 images")


@pytest.mark.slow
def test_planted_copies_are_counted_and_written_between_their_marks(tmp_path):
    images = photographs.draw(tmp_path / "images", count=80, size=64)
    page = page_with_table(tmp_path, "duplicate recall")
    result = kept("duplicate_recall", f"--images {images} --markdown {page} --sheet {tmp_path / 'sheets'}", tmp_path)
    assert {row["value"] for row in result["rows"] if row["name"].endswith("the same file")} == {1.0}
    assert "| the same pixels in another file | 0.99 | 1.000" in new_table(page, "duplicate recall")


@pytest.mark.slow
def test_few_malignant_images_are_simulated_and_written_between_their_marks(tmp_path):
    page = page_with_table(tmp_path, "small samples")
    kept("small_samples", f"--studies 2 --only 8+8 --docs {page}", tmp_path)
    assert "| 8 + 8, AUC 0.96 |" in new_table(page, "small samples")


@pytest.mark.slow
def test_methods_of_calibration_are_compared_and_written_between_their_marks(tmp_path):
    page = page_with_table(tmp_path, "calibration")
    kept("calibration", f"--studies 2 --docs {page}", tmp_path)
    assert "| none: calibrated | 60 |" in new_table(page, "calibration")


@pytest.mark.slow
def test_consecutive_cohorts_are_simulated_and_written_between_their_marks(tmp_path):
    page = page_with_table(tmp_path, "sampling")
    kept("sampling", f"--studies 2 --only 200 --docs {page}", tmp_path)
    assert "| `calibration_intercept` |" in new_table(page, "sampling")


@pytest.mark.slow
def test_configurations_over_seeds_are_simulated_and_written_between_their_marks(tmp_path):
    page = page_with_table(tmp_path, "seed tests")
    kept("seed_tests", f"--studies 2 --only resplits --docs {page}", tmp_path)
    assert "| resplits of one data set | luck of seeds |" in new_table(page, "seed tests")
