"""What MLflow knows of a run after the real command, tracked in a real server."""

import json
import re

import keras
import mlflow
import numpy as np
import pandas as pd
import pytest

from skinexp.data.split import NAMES
from skinexp.tracking.flat import flatten

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword"),  # Keras on NumPy 2
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),  # MLflow, on being imported
]


@pytest.fixture
def model_uri(tracked, server) -> str:
    mlflow.set_tracking_uri(server)
    (output,) = tracked.run.outputs.model_outputs
    return f"models:/{output.model_id}"


@pytest.fixture
def artifacts(tracked, client) -> set[str]:
    """Paths of the run's artifacts, those in folders too."""
    found = [client.list_artifacts(tracked.run.info.run_id)]
    found += [client.list_artifacts(tracked.run.info.run_id, folder.path) for folder in found[0] if folder.is_dir]
    return {file.path for files in found for file in files if not file.is_dir}


def test_the_run_is_finished_and_named_by_what_was_typed(tracked):
    assert tracked.run.info.status == "FINISHED"
    assert tracked.run.info.run_name == "experiment=smoke tracking=server tracking.tensorboard=false"


def test_the_result_names_the_run(tracked, client):
    assert client.get_experiment(tracked.result["experiment_id"]).name == "skinexp"
    assert tracked.result["parent_run_id"] is None


def test_the_params_are_the_whole_configuration(tracked, server):
    params = flatten(tracked.result["config"])
    assert tracked.run.data.params == {key: str(value) for key, value in params.items()}
    assert params["tracking.uri"] == server.replace("://", "://ann:***@")
    assert params["optim.batch_size"] == 16


def test_the_tags_say_which_model_data_and_code(tracked):
    tags = tracked.run.data.tags
    assert tags["model"] == "scratch"
    assert tags["data_digest"] == tracked.result["data_digest"]
    assert tags["git_sha"] == str(tracked.result["git"]["sha"])
    assert tags["git_dirty"] == str(tracked.result["git"]["dirty"])
    assert re.fullmatch("[0-9a-f]{16}", tags["data_digest"])


def test_each_epoch_is_logged_as_the_history_has_it(tracked, client):
    history = pd.read_csv(tracked.directory / "history.csv")
    for metric in ("train/loss", "train/accuracy", "train/auc", "val/loss", "val/auc"):
        points = client.get_metric_history(tracked.run.info.run_id, metric)
        assert [point.step for point in points] == history["epoch"].tolist() == [1, 2]
        assert [point.value for point in points] == pytest.approx(history[metric].tolist())


def test_the_scores_are_logged_as_the_result_has_them(tracked):
    scores = {name: value for name, value in tracked.result["metrics"].items() if value is not None}
    assert {"val/roc_auc", "test/roc_auc", "test/f1", "test/accuracy"} <= set(scores)
    assert {name: tracked.run.data.metrics[name] for name in scores} == pytest.approx(scores)


def test_figures_predictions_and_what_it_came_from_are_artifacts(artifacts):
    figures = {"curves", "roc", "precision_recall", "confusion", "preprocessing", "augmentation", "gradcam"}
    assert {f"figures/{name}.png" for name in figures} <= artifacts
    assert {"result.json", "predictions.parquet", "history.csv", "packages.txt", ".hydra/config.yaml"} <= artifacts


def test_the_result_among_the_artifacts_is_the_finished_one(tracked, client, tmp_path):
    copy = client.download_artifacts(tracked.run.info.run_id, "result.json", str(tmp_path))
    with open(copy) as file:
        assert json.load(file) == tracked.result
    assert tracked.result["status"] == "finished"


def test_the_images_of_each_part_are_named_with_a_digest(tracked):
    used = {use.tags[0].value: use.dataset for use in tracked.run.inputs.dataset_inputs}
    assert set(used) == set(NAMES)
    assert len({dataset.digest for dataset in used.values()}) == len(NAMES)
    for name, dataset in used.items():
        assert dataset.name == f"phantom-{name}"
        assert json.loads(dataset.profile)["num_rows"] == sum(tracked.result["data"]["counts"][name].values())


def test_the_logged_model_gives_the_logits_of_the_run(tracked, model_uri):
    predictions = pd.read_parquet(tracked.directory / "predictions.parquet")
    expected = predictions.loc[predictions["split"] == "test", "logit"].iloc[0]
    model = mlflow.pyfunc.load_model(model_uri)
    example = model.input_example  # the first test image
    assert example.shape == (1, 32, 32, 3)
    assert example.dtype == np.uint8
    assert model.predict(example).item() == pytest.approx(expected, abs=1e-5)
    assert mlflow.keras.load_model(model_uri).predict(example, verbose=0).item() == pytest.approx(expected, abs=1e-5)


def test_the_logged_model_is_the_one_in_the_run_directory(tracked, model_uri):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    logged, kept = mlflow.keras.load_model(model_uri), keras.models.load_model(tracked.directory / "model.keras")
    np.testing.assert_array_equal(logged.predict(pixels, verbose=0), kept.predict(pixels, verbose=0))


def test_the_logged_model_answers_what_a_scoring_server_would_be_sent(model_uri, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    answer = tmp_path / "answer.json"
    mlflow.models.predict(model_uri, pixels, output_path=str(answer), env_manager="local")  # by way of JSON
    logits = np.asarray(json.loads(answer.read_text())["predictions"])
    np.testing.assert_allclose(logits, mlflow.keras.load_model(model_uri).predict(pixels, verbose=0), atol=1e-5)


def test_the_signature_says_pixels_in_and_one_logit_out(model_uri):
    signature = mlflow.models.get_model_info(model_uri).signature
    (pixels,), (logit,) = signature.inputs.inputs, signature.outputs.inputs
    assert (pixels.shape, pixels.type) == ((-1, 32, 32, 3), np.uint8)
    assert (logit.shape, logit.type) == ((-1, 1), np.float32)
