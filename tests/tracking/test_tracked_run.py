"""What a room that holds an open run may ask of it, against a real server."""

import json
import math

import keras
import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from skinexp import tracking
from skinexp.config.schema import Tracking

pytestmark = [
    pytest.mark.filterwarnings("ignore:The specified dataset source can be interpreted"),  # MLflow knows it twice
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword"),  # Keras on NumPy 2
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),  # MLflow, on being imported
]


def stored(client: MlflowClient, run: tracking.TrackedRun) -> Run:
    return client.get_run(run.id)


def values(client: MlflowClient, run: tracking.TrackedRun, metric: str) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in client.get_metric_history(run.id, metric)]


def names(client: MlflowClient, run: tracking.TrackedRun, folder: str | None = None) -> set[str]:
    return {file.path for file in client.list_artifacts(run.id, folder)}


def text_of(client: MlflowClient, run: tracking.TrackedRun, name: str, place: object) -> str:
    with open(client.download_artifacts(run.id, name, str(place))) as file:
        return file.read()


def test_a_run_carries_its_name_tags_and_all_its_params(opened, client):
    params = {"model": {"name": "scratch", "head": {f"option_{number}": number for number in range(150)}}}
    with opened(name="seed=1", tags={"model": "scratch", "git_dirty": False, "sweep": None}) as run:
        run.params(params)
    found = stored(client, run)
    assert found.info.run_name == "seed=1"
    assert found.data.params["model.name"] == "scratch"
    assert len(found.data.params) == 151  # more than MLflow takes in one call
    assert (found.data.tags["model"], found.data.tags["git_dirty"]) == ("scratch", "False")
    assert "sweep" not in found.data.tags


def test_a_run_lands_in_the_experiment_that_was_asked_for(opened, server, client):
    with opened(options=Tracking(uri=server, experiment="another")) as run:
        pass
    assert client.get_experiment(str(run.experiment_id)).name == "another"


def test_epochs_of_all_phases_are_logged_on_one_axis(opened, client):
    with opened() as run:
        for epoch, phase in ((1, "head"), (2, "head"), (3, "fine_tune")):
            run.epoch(
                {
                    "epoch": epoch,
                    "phase": phase,
                    "seconds": 1.5,
                    "lr": 0.1**epoch,
                    "train/loss": 1 / epoch,
                    "val/auc": 0.5,
                }
            )
    assert values(client, run, "train/loss") == [(1, 1.0), (2, 0.5), (3, pytest.approx(1 / 3))]
    assert [step for step, _ in values(client, run, "val/auc")] == [1, 2, 3]
    assert values(client, run, "train/lr") == [(epoch, pytest.approx(0.1**epoch)) for epoch in (1, 2, 3)]
    assert [step for step, _ in values(client, run, "train/seconds")] == [1, 2, 3]


def test_a_score_that_is_no_number_is_left_out(opened, client):
    with opened() as run:
        run.metrics({"test/precision": math.nan, "test/recall": 0.0, "test/loss": math.inf})
    assert stored(client, run).data.metrics == {"test/recall": 0.0}


def test_a_run_that_ends_well_is_finished_without_a_word_on_the_terminal(opened, client, capsys):
    with opened() as run:
        pass
    assert stored(client, run).info.status == "FINISHED"
    assert "traceback.txt" not in names(client, run)
    assert "".join(capsys.readouterr()) == ""


def test_a_run_that_fails_says_why(opened, client, tmp_path):
    with pytest.raises(ZeroDivisionError), opened() as run:
        1 / 0  # noqa: B018
    assert stored(client, run).info.status == "FAILED"
    traceback = text_of(client, run, "traceback.txt", tmp_path)
    assert traceback.startswith("Traceback")
    assert traceback.rstrip().endswith("ZeroDivisionError: division by zero")


def test_a_run_that_is_stopped_from_outside_is_killed(opened, client):
    with pytest.raises(KeyboardInterrupt), opened() as run:
        raise KeyboardInterrupt
    assert stored(client, run).info.status == "KILLED"


def test_a_run_after_a_failed_one_is_its_own(opened, client):
    with pytest.raises(RuntimeError), opened() as first:
        raise RuntimeError
    with opened() as second:  # in the same directory
        second.metrics({"test/f1": 1.0})
    assert first.id != second.id
    assert stored(client, first).data.metrics == {}


def test_a_childs_parent_is_the_sweep_even_where_the_environment_names_another_run(
    opened, client, monkeypatch, tmp_path
):
    with opened(tmp_path / "sweep", "model=scratch,mobilenet", tags={"sweep": "12-00-00"}) as parent:
        pass
    monkeypatch.setenv("MLFLOW_RUN_ID", parent.id)
    with opened(name="model=scratch", parent=parent.key) as run:
        pass
    assert run.id != parent.id
    assert stored(client, run).data.tags["mlflow.parentRunId"] == parent.id


def test_the_files_of_a_run_are_logged_but_for_what_it_alone_needs(opened, client, tmp_path):
    for file in (
        "predictions.parquet",
        "history.csv",
        "train.log",
        "model.keras",
        "figures/roc.png",
        "evidence/scores.csv",
    ):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(file)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "training.npz").write_text("")
    with opened(tmp_path) as run:
        run.run_directory()
    assert names(client, run) == {"predictions.parquet", "history.csv", "figures", "evidence"}
    assert names(client, run, "figures") == {"figures/roc.png"}


def test_a_file_is_logged_as_it_is_at_the_end(opened, client, tmp_path):
    file = tmp_path / "result.json"
    file.write_text(json.dumps({"status": "running"}))
    with opened(tmp_path) as run:
        run.file(file)
        file.write_text(json.dumps({"status": "finished"}))
    assert json.loads(text_of(client, run, "result.json", tmp_path / "copies")) == {"status": "finished"}


def test_a_file_that_is_gone_holds_nothing_up(opened, client, tmp_path):
    with opened(tmp_path) as run:
        run.file(tmp_path / "result.json")  # not there
        run.metrics({"test/f1": 1.0})
    assert stored(client, run).data.metrics == {"test/f1": 1.0}
    assert stored(client, run).info.status == "FINISHED"


def test_a_model_of_a_second_life_carries_the_scores_that_the_first_one_logged(opened, client):
    with opened() as first:
        first.metrics({"test/roc_auc": 0.75})
    pixels = keras.Input((8, 8, 3))
    network = keras.Model(pixels, keras.layers.Dense(1)(keras.layers.Flatten()(pixels)))
    example = np.zeros((1, 8, 8, 3), np.uint8)
    with opened(resume=True) as second:
        second.metrics({"test/roc_auc": 0.75})
        second.model(network, example, network.predict(example, verbose=0))
    assert second.id == first.id
    (output,) = stored(client, second).outputs.model_outputs
    (score,) = client.get_logged_model(output.model_id).metrics
    assert (score.key, score.value) == ("test/roc_auc", 0.75)
    assert values(client, second, "test/roc_auc") == [(0, 0.75)]


def test_images_are_named_by_part_with_a_digest(opened, client):
    frame = pd.DataFrame({"image_id": ["a", "b"], "group": ["a", "b"], "label": ["0", "1"], "sha256": ["00", "11"]})
    with opened() as run:
        run.dataset(frame, "images", "isic9-train", "0123456789abcdef", "train")
    (used,) = stored(client, run).inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("isic9-train", "0123456789abcdef")
    assert [(tag.key, tag.value) for tag in used.tags] == [("mlflow.data.context", "train")]
    assert json.loads(used.dataset.profile)["num_rows"] == 2


def test_a_model_is_logged_with_signature_and_example_and_answers_as_before(opened, client, server):
    keras.utils.set_random_seed(0)
    pixels = keras.Input((8, 8, 3))
    network = keras.Model(pixels, keras.layers.Dense(1)(keras.layers.Flatten()(pixels)))
    example = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3), dtype=np.uint8)
    with opened() as run:
        run.metrics({"test/roc_auc": 0.75})
        run.model(network, example, network.predict(example, verbose=0))
    (output,) = stored(client, run).outputs.model_outputs
    mlflow.set_tracking_uri(server)
    uri = f"models:/{output.model_id}"
    assert [(metric.key, metric.value) for metric in client.get_logged_model(output.model_id).metrics] == [
        ("test/roc_auc", 0.75)
    ]
    assert values(client, run, "test/roc_auc") == [(0, 0.75)]
    logged = mlflow.models.get_model_info(uri)
    assert logged.signature.inputs.inputs[0].shape == (-1, 8, 8, 3)
    assert logged.signature.inputs.inputs[0].type == np.uint8
    assert logged.signature.outputs.inputs[0].shape == (-1, 1)
    expected = network.predict(example, verbose=0)
    np.testing.assert_array_equal(mlflow.pyfunc.load_model(uri).predict(example), expected)
    np.testing.assert_array_equal(mlflow.keras.load_model(uri).predict(example, verbose=0), expected)
