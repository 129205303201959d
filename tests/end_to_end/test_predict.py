"""Photographs without labels, predicted by finished runs: the real command on real files."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skinexp.config.compose import compose
from skinexp.data import phantom
from skinexp.evaluation import Calibrator
from tests.end_to_end.conftest import Command


def predict(run: Command, output: Path, *words: str) -> pd.DataFrame:
    """Returns the table that the command writes, by the file's name without its suffix."""
    command = [sys.executable, "-m", "skinexp.predict", *words, "-o", str(output)]
    ended = subprocess.run(command, cwd=run.place, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    table = pd.read_parquet(output) if output.suffix == ".parquet" else pd.read_csv(output)
    return table.set_index(table["file"].map(lambda file: Path(file).stem))


def own_predictions(run: Command) -> pd.DataFrame:
    return run.predictions().query("split == 'test'").set_index("image_id")


@pytest.fixture(scope="module")
def photographs(single, tmp_path_factory) -> Path:
    """The test images of the run as files, and one that is no image."""
    directory = tmp_path_factory.mktemp("photographs")
    config = compose(["experiment=smoke"])
    for name in own_predictions(single).index:
        image = phantom.render(config.seed, int(name.removeprefix("phantom-")), config.data.phantom).image
        Image.fromarray(image).save(directory / f"{name}.png")
    (directory / "broken.png").write_bytes(b"no image")
    return directory


@pytest.fixture(scope="module")
def tables(single, photographs, tmp_path_factory) -> dict[int, pd.DataFrame]:
    """The predictions by batch size."""
    place = tmp_path_factory.mktemp("predicted")
    files = {1: place / "p.csv", 32: place / "p.parquet"}
    words = (str(single.directory), str(photographs), "--batch-size")
    return {size: predict(single, file, *words, str(size)) for size, file in files.items()}


@pytest.mark.parametrize("batch_size", [1, 32])
def test_logits_are_the_runs_own_whatever_the_batch_size(tables, single, batch_size):
    own = own_predictions(single)["logit"]
    np.testing.assert_allclose(tables[batch_size].loc[own.index, "logit"], own, atol=1e-5)


def test_probabilities_and_classes_are_those_of_the_runs_calibration_and_threshold(tables, single):
    result, own = single.result(), own_predictions(single)["logit"]
    probabilities = Calibrator.from_dict(result["calibration"]).apply(own)
    np.testing.assert_allclose(tables[32].loc[own.index, "probability"], probabilities, atol=1e-5)
    predicted = tables[32].loc[own.index, "predicted"]
    threshold = result["thresholds"]["chosen"]
    assert ((tables[32].loc[own.index, "probability"] >= threshold) == (predicted == "malignant")).all()
    clear = np.abs(probabilities - threshold) > 1e-5
    np.testing.assert_array_equal(predicted[clear] == "malignant", probabilities[clear] >= threshold)


def test_a_file_that_is_no_image_is_a_row_with_its_reason(tables):
    for table in tables.values():
        row = table.loc["broken"]
        assert row["error"] == "not an image of a known format"
        assert row[["probability", "predicted", "logit"]].isna().all()
        assert table.drop(index="broken")["error"].isna().all()


@pytest.mark.slow
def test_photographs_are_prepared_as_in_the_training_of_a_run_that_is_named_by_its_id(folder, isic9, tmp_path):
    own = own_predictions(folder)["logit"]
    files = [str(isic9 / "images" / f"{name}.jpg") for name in own.index]
    table = predict(folder, tmp_path / "p.csv", folder.result()["run_id"], *files)
    np.testing.assert_allclose(table.loc[own.index, "logit"], own, atol=1e-5)
