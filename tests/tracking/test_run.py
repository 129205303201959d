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
from skinexp.config import Tracking

pytestmark = [
    pytest.mark.filterwarnings("ignore:The specified dataset source can be interpreted"),  # MLflow knows it twice
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword"),  # Keras on NumPy 2
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),  # MLflow, on being imported
]


def stored(client: MlflowClient, run: tracking.Run) -> Run:
    return client.get_run(run.id)


def values(client: MlflowClient, run: tracking.Run, metric: str) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in client.get_metric_history(run.id, metric)]


def names(client: MlflowClient, run: tracking.Run, folder: str | None = None) -> set[str]:
    return {file.path for file in client.list_artifacts(run.id, folder)}


def text_of(client: MlflowClient, run: tracking.Run, name: str, place: object) -> str:
    with open(client.download_artifacts(run.id, name, str(place))) as file:
        return file.read()


def test_a_run_carries_its_name_tags_and_all_its_params(options, client):
    params = {"model": {"name": "scratch", "head": {f"option_{number}": number for number in range(150)}}}
    with tracking.start(options, "seed=1", {"model": "scratch", "git_dirty": False, "sweep": None}, params) as run:
        pass
    found = stored(client, run)
    assert found.info.run_name == "seed=1"
    assert found.data.params["model.name"] == "scratch"
    assert len(found.data.params) == 151  # more than MLflow takes in one call
    assert (found.data.tags["model"], found.data.tags["git_dirty"]) == ("scratch", "False")
    assert "sweep" not in found.data.tags


def test_a_run_lands_in_the_experiment_that_was_asked_for(server, client):
    with tracking.start(Tracking(uri=server, experiment="another"), "", {}, {}) as run:
        pass
    assert client.get_experiment(run.experiment_id).name == "another"


def test_epochs_of_all_phases_are_logged_on_one_axis(options, client):
    with tracking.start(options, "", {}, {}) as run:
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


def test_a_score_that_is_no_number_is_left_out(options, client):
    with tracking.start(options, "", {}, {}) as run:
        run.metrics({"test/precision": math.nan, "test/recall": 0.0, "test/loss": math.inf})
    assert stored(client, run).data.metrics == {"test/recall": 0.0}


def test_a_run_that_ends_well_is_finished_without_a_word_on_the_terminal(options, client, capsys):
    with tracking.start(options, "", {}, {}) as run:
        assert stored(client, run).info.status == "RUNNING"
    assert stored(client, run).info.status == "FINISHED"
    assert "traceback.txt" not in names(client, run)
    assert "".join(capsys.readouterr()) == ""


def test_a_run_that_fails_says_why(options, client, tmp_path):
    with pytest.raises(ZeroDivisionError), tracking.start(options, "", {}, {}) as run:
        1 / 0  # noqa: B018
    assert stored(client, run).info.status == "FAILED"
    traceback = text_of(client, run, "traceback.txt", tmp_path)
    assert traceback.startswith("Traceback")
    assert traceback.rstrip().endswith("ZeroDivisionError: division by zero")


def test_a_run_that_is_stopped_from_outside_is_killed(options, client):
    with pytest.raises(KeyboardInterrupt), tracking.start(options, "", {}, {}) as run:
        raise KeyboardInterrupt
    assert stored(client, run).info.status == "KILLED"


def test_a_run_after_a_failed_one_is_its_own(options, client):
    with pytest.raises(RuntimeError), tracking.start(options, "first", {}, {}) as first:
        raise RuntimeError
    with tracking.start(options, "second", {}, {}) as second:
        second.metrics({"test/f1": 1.0})
    assert first.id != second.id
    assert stored(client, first).data.metrics == {}


def test_a_childs_parent_is_the_sweep_even_where_the_environment_names_another_run(options, client, monkeypatch):
    parent = tracking.open_parent(options, "model=scratch,mobilenet", {"sweep": "12-00-00"})
    monkeypatch.setenv("MLFLOW_RUN_ID", parent)
    with tracking.start(options, "model=scratch", {}, {}, parent) as run:
        pass
    assert run.id != parent
    assert stored(client, run).data.tags["mlflow.parentRunId"] == parent


def test_the_files_of_a_run_are_logged_but_for_what_it_alone_needs(options, client, tmp_path):
    for file in ("predictions.parquet", "history.csv", "train.log", "model.keras", "figures/roc.png"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(file)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "head.weights.h5").write_text("")
    with tracking.start(options, "", {}, {}) as run:
        run.run_directory(tmp_path)
    assert names(client, run) == {"predictions.parquet", "history.csv", "figures"}
    assert names(client, run, "figures") == {"figures/roc.png"}


def test_the_last_word_is_logged_after_the_run_was_closed(options, client, tmp_path):
    with pytest.raises(KeyboardInterrupt), tracking.start(options, "", {}, {}) as run:
        raise KeyboardInterrupt
    file = tmp_path / "result.json"
    file.write_text(json.dumps({"status": "killed"}))
    run.last_word(file)
    assert json.loads(text_of(client, run, "result.json", tmp_path / "copies")) == {"status": "killed"}
    assert stored(client, run).info.status == "KILLED"


def test_a_last_word_that_cannot_be_logged_fails_nothing(options, tmp_path, caplog):
    with tracking.start(options, "", {}, {}) as run:
        pass
    run.last_word(tmp_path / "result.json")  # not there
    assert "result.json is not on the MLflow run" in caplog.text


def test_images_are_named_by_part_with_a_digest(options, client):
    frame = pd.DataFrame({"image_id": ["a", "b"], "group": ["a", "b"], "label": ["0", "1"], "sha256": ["00", "11"]})
    with tracking.start(options, "", {}, {}) as run:
        run.dataset(frame, "images", "isic9-train", "0123456789abcdef", "train")
    (used,) = stored(client, run).inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("isic9-train", "0123456789abcdef")
    assert [(tag.key, tag.value) for tag in used.tags] == [("mlflow.data.context", "train")]
    assert json.loads(used.dataset.profile)["num_rows"] == 2


def test_a_model_is_logged_with_signature_and_example_and_answers_as_before(options, client, server):
    keras.utils.set_random_seed(0)
    pixels = keras.Input((8, 8, 3))
    network = keras.Model(pixels, keras.layers.Dense(1)(keras.layers.Flatten()(pixels)))
    example = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3), dtype=np.uint8)
    with tracking.start(options, "", {}, {}) as run:
        run.model(network, example, network.predict(example, verbose=0))
    (output,) = stored(client, run).outputs.model_outputs
    mlflow.set_tracking_uri(server)
    uri = f"models:/{output.model_id}"
    logged = mlflow.models.get_model_info(uri)
    assert logged.signature.inputs.inputs[0].shape == (-1, 8, 8, 3)
    assert logged.signature.inputs.inputs[0].type == np.uint8
    assert logged.signature.outputs.inputs[0].shape == (-1, 1)
    expected = network.predict(example, verbose=0)
    np.testing.assert_array_equal(mlflow.pyfunc.load_model(uri).predict(example), expected)
    np.testing.assert_array_equal(mlflow.keras.load_model(uri).predict(example, verbose=0), expected)
