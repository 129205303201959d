"""Real dermoscopic images and pretrained backbones, from a folder and from a data set of the hub's shape."""

import pandas as pd
import pytest

from tests.end_to_end.conftest import SMALL

pytestmark = pytest.mark.slow
JOBS = ("0", "1")  # scratch, mobilenet


@pytest.fixture(scope="module")
def hub(train, ham10000, weights):
    """A sweep on a local data set of the hub's shape, with one value of `model.weights` for all models."""
    return train(f"-m {SMALL} model.weights={weights} data=hub data.path={ham10000} model=scratch,mobilenet")[0]


def test_a_folder_of_photographs_is_trained_on(folder):
    assert folder.code == 0
    assert {"preprocessing.png", "augmentation.png", "gradcam.png"} <= {
        file.name for file in (folder.directory / "figures").iterdir()
    }


def test_a_pretrained_model_trains_its_head_and_then_the_end_of_its_backbone(folder):
    history = pd.read_csv(folder.directory / "history.csv")
    assert history["phase"].tolist() == ["head", "head", "fine_tune"]
    assert folder.result()["phases"] == ["head", "fine_tune"]
    assert history["lr"].iloc[-1] == pytest.approx(folder.result()["config"]["model"]["fine_tune"]["lr"])
    for words in ("the head on a frozen backbone", "the head and the end of the backbone", "Features  of"):
        assert words in folder.output


def test_epochs_count_on_through_phases(folder):
    history = pd.read_csv(folder.directory / "history.csv")
    points = folder.client.get_metric_history(folder.run().info.run_id, "val/loss")
    assert [point.step for point in points] == history["epoch"].tolist() == [1, 2, 3]
    assert history["best"].sum() == 1


def test_the_folders_images_are_limited_labelled_and_split_by_group(folder, isic9):
    manifest = pd.read_csv(isic9 / "manifest.csv").set_index("image_id")
    predictions = folder.predictions().set_index("image_id")
    meant = manifest.loc[predictions.index]
    assert (predictions["label"] == (meant["label"] == "malignant")).all()
    assert (predictions["group"] == meant["group"]).all()
    assert predictions.groupby("group")["split"].nunique().max() == 1
    data = folder.result()["data"]
    assert (data["images"], data["grouped_by"]) == (120, "group")
    assert data["excluded"] == {"premalignant": int((manifest["label"] == "premalignant").sum())}


def test_what_is_known_of_an_image_stands_beside_its_prediction(folder, isic9):
    manifest = pd.read_csv(isic9 / "manifest.csv").set_index("image_id")
    predictions = folder.predictions().set_index("image_id")
    for column in ("age", "sex", "site", "source", "dx"):
        pd.testing.assert_series_equal(predictions[column], manifest.loc[predictions.index, column], check_dtype=False)


def test_the_run_on_mlflow_names_the_folder_that_the_images_came_from(folder, isic9):
    for use in folder.run().inputs.dataset_inputs:
        assert str(isic9.resolve().name) in use.dataset.source
        assert use.dataset.name.startswith("isic9-")


def test_a_local_data_set_of_the_hubs_shape_is_trained_on(hub):
    assert hub.code == 0
    assert [hub.result(job)["model"]["name"] for job in JOBS] == ["scratch", "mobilenet"]


def test_the_hubs_images_are_grouped_by_lesion(hub):
    for job in JOBS:
        data = hub.result(job)["data"]
        assert (data["images"], data["grouped_by"]) == (120, "lesion_id")
        assert hub.predictions(job).groupby("group")["split"].nunique().max() == 1


def test_models_of_a_sweep_are_tested_on_the_same_images(hub):
    first, second = (hub.predictions(job) for job in JOBS)
    assert first["image_id"].tolist() == second["image_id"].tolist()
    assert not first["logit"].equals(second["logit"])


def test_the_scratch_model_passes_pretrained_weights_by(hub):
    assert [hub.result(job)["phases"] for job in JOBS] == [["train"], ["head", "fine_tune"]]
    assert "Weights   random: the scratch CNN has no pretrained weights" in hub.output
